"""Prepare a data set: find or download its sources, make its folder, whole or not at all."""

import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from streamdeq.data.prepare.catalogue import DATA_SETS, DataSet, Source
from streamdeq.data.prepare.download import download
from streamdeq.data.prepare.sources import holds, taken
from streamdeq.errors import StreamdeqError
from streamdeq.files import whole_folder
from streamdeq.registry import unknown


def _nobody(note: str) -> None:
    pass


def prepare(
    name: str,
    out: Path,
    given: Sequence[Path] = (),
    downloads: Path | None = None,
    tell: Callable[[str], None] = _nobody,
) -> Path:
    """The folder `out` with the data set `name`, from folders and archives that are `given`, else downloaded.

    Args:
        given: which is which is told by what is in them.
        downloads: folder that sources which are not given are downloaded into, and stay in.
        tell: is called with what is done, in words, before it is.

    Raises:
        StreamdeqError: a source is missing, or is another one; `out` holds something; no such set.
    """
    if name not in DATA_SETS:
        raise StreamdeqError(unknown("data set", name, list(DATA_SETS)))
    wanted = DATA_SETS[name]
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise StreamdeqError(f"expected no {out}, or an empty folder; it holds something; choose another --out")
    paths = _found(name, wanted, given, downloads, tell)
    out = out.absolute()
    with whole_folder(out) as made, tempfile.TemporaryDirectory(prefix=".sources-", dir=made) as sources:
        roots = {}
        for number, source in enumerate(wanted.sources):
            (scratch := Path(sources, str(number))).mkdir()
            tell(f"reading {paths[source.name]}")
            roots[source.name] = taken(source, paths[source.name], scratch)
        tell(f"making {out}")
        module = import_module(f"streamdeq.data.prepare.{wanted.module}")
        module.prepare([roots[source.name] for source in wanted.sources], made, out)
        (made / "README.md").write_text(_readme(name, wanted), encoding="utf-8")
    return out


def _found(
    name: str, wanted: DataSet, given: Sequence[Path], downloads: Path | None, tell: Callable[[str], None]
) -> dict[str, Path]:
    """Where each source is; what is given and used for none is an error."""
    found: dict[str, Path] = {}
    for path in given:
        fits = [source.name for source in wanted.sources if source.name not in found and holds(source, path)]
        if not fits:
            needed = ", ".join(source.anchor for source in wanted.sources)
            raise StreamdeqError(f"expected a source of {name} in {path} (one that has {needed}), found none")
        found |= dict.fromkeys(fits, path)
    for source in wanted.sources:
        if source.name not in found:
            if downloads is None or not source.url:
                raise StreamdeqError(f"{name}: expected --from with {_described(source)}")
            tell(f"downloading {source.url}")
            found[source.name] = download(source.url, downloads / source.name)
    return found


def _described(source: Source) -> str:
    if not source.url:
        return f"the folder made by: streamdeq data prepare {source.name.split()[-1]}"
    return f"a copy of {source.url} (a folder or archive that has {source.anchor}), or --download with a folder for it"


def _readme(name: str, wanted: DataSet) -> str:
    """With the licence where readers look for it."""
    sources = "\n".join(f"- {source.url or source.name}" for source in wanted.sources)
    return (
        f"# {name}\n\n{wanted.about[0].upper()}{wanted.about[1:]}.\nMade by `streamdeq data prepare {name}` from\n\n"
        f"{sources}\n\nLicence: {wanted.licence}\n"
    )
