"""`streamdeq models`: the weights that come with the package, and in a checkout those that lie there."""

from streamdeq.cli.terminal import say


def models() -> None:
    from streamdeq.models import zoo
    from streamdeq.models.spec import read_spec

    packaged = zoo.names()
    if not packaged:
        say("no models are packaged with this installation; give a weights file to --model")
    for name in [*packaged, *zoo.research()]:
        path = zoo.find(name)
        spec = read_spec(path)
        origin = spec.provenance
        where = "" if name in packaged else ", in the repository's research/, not in the package"
        widths = "/".join(str(c) for c in spec.architecture.channels)
        say(f"{name}  {spec.task}, {len(spec.classes)} classes, {path.stat().st_size / 1e6:.1f} MB{where}")
        say(f"    {spec.architecture.cell} cell {widths}, working size {spec.size}, {origin.trained_with}")
        say(f"    data: {origin.data}; licence: {origin.licence}")
        if origin.metrics:
            figures = ", ".join(f"{key} {value:.1f}" for key, value in origin.metrics.items())
            say(f"    {figures}")
