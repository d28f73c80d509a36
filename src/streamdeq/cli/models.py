"""`streamdeq models`: the weights that come with the package."""

import typer


def models() -> None:
    from streamdeq.models import zoo
    from streamdeq.models.spec import read_spec

    names = zoo.names()
    if not names:
        typer.echo("no models are packaged with this installation; give a weights file to --model")
    for name in names:
        path = zoo.find(name)
        spec = read_spec(path)
        origin = spec.provenance
        widths = "/".join(str(c) for c in spec.architecture.channels)
        typer.echo(f"{name}  {spec.task}, {len(spec.classes)} classes, {path.stat().st_size / 1e6:.1f} MB")
        typer.echo(f"    {spec.architecture.cell} cell {widths}, working size {spec.size}, {origin.trained_with}")
        typer.echo(f"    data: {origin.data}; licence: {origin.licence}")
        if origin.metrics:
            figures = ", ".join(f"{key} {value:.1f}" for key, value in origin.metrics.items())
            typer.echo(f"    {figures}")
