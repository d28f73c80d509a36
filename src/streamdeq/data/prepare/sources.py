"""A public source as a folder of the files that are read of it, from a checkout, an archive or a Debian package.

What is read is checked by its content, so that it does not matter who packed it, or how.
"""

import fnmatch
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from streamdeq.data.prepare.catalogue import Source
from streamdeq.errors import StreamdeqError
from streamdeq.reading import open_regular, read_bytes

_SUFFIXES = (".zip", ".whl", ".deb", ".tar", ".tgz", ".gz", ".xz", ".bz2")
#: Bytes of one file: the largest that is read of any source has 8 MB.
_MOST = 64_000_000


def taken(source: Source, given: Path, scratch: Path) -> Path:
    """The root of what is read of `source`: in the folder `given`, or unpacked into the empty folder `scratch`.

    Raises:
        StreamdeqError: `given` holds something else, less or another version.
    """
    if given.is_dir():
        root = _root_in(source, given)
        if root is None:
            raise StreamdeqError(_lacks(source, given))
    else:
        root = scratch
        _unpack(source, given, scratch)
    names = list(files_of(source, root))
    if source.count and len(names) != source.count:
        raise StreamdeqError(
            f"expected {source.count} files {', '.join(source.files)} in {given}, found {len(names)}; {_get(source)}"
        )
    if source.sha256 and content_digest(root, names) != source.sha256:
        raise StreamdeqError(
            f"the files {', '.join(source.files)} in {given} are not the published ones; {_get(source)}"
        )
    return root


def holds(source: Source, given: Path) -> bool:
    """Whether the anchor of `source` is in a folder or archive. StreamdeqError for what is neither."""
    if given.is_dir():
        return _root_in(source, given) is not None
    with _members(given) as members:
        return any(_ends(name, source.anchor) is not None for name, _ in members)


def files_of(source: Source, root: Path) -> Iterator[str]:
    """What is read of `source`, by its path below `root`, in order."""
    found = (
        PurePosixPath(Path(folder, name).relative_to(root)).as_posix()
        for top in sorted({pattern.partition("/")[0] for pattern in source.files})
        for folder, _, names in (os.walk(root / top) if (root / top).is_dir() else [(str(root), [], [top])])
        for name in names
        if Path(folder, name).is_file()
    )
    return iter(sorted(name for name in found if _wanted(source, name)))


def content_digest(root: Path, names: list[str]) -> str:
    """SHA-256 of lines `SHA-256 of the content, two spaces, path`, as `sha256sum` writes them, by path."""
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{hashlib.sha256(read_bytes(root / name)).hexdigest()}  {name}\n".encode())
    return whole.hexdigest()


def _wanted(source: Source, name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in source.files)


def _root_in(source: Source, given: Path) -> Path | None:
    """The folder itself, or one in it, as archives have."""
    roots = [given, *sorted(path for path in given.iterdir() if path.is_dir())]
    return next((root for root in roots if (root / source.anchor).is_file()), None)


def _ends(name: str, anchor: str) -> str | None:
    """What stands before `anchor` in a member's name."""
    name = name.removeprefix("./")
    return name.removesuffix(anchor) if name == anchor or name.endswith(f"/{anchor}") else None


def _unpack(source: Source, given: Path, scratch: Path) -> None:
    prefix = None
    with _members(given) as members:
        prefix = next((found for name, _ in members if (found := _ends(name, source.anchor)) is not None), None)
    if prefix is None:
        raise StreamdeqError(_lacks(source, given))
    with _members(given) as members:
        for name, file in members:
            name = name.removeprefix("./")
            below = name.removeprefix(prefix)
            if not name.startswith(prefix) or not _wanted(source, below) or ".." in PurePosixPath(below).parts:
                continue
            path = scratch / below
            path.parent.mkdir(parents=True, exist_ok=True)
            content = file.read(_MOST + 1)
            if len(content) > _MOST:
                raise StreamdeqError(f"expected at most {_MOST:,} bytes of {name} in {given}; is it another archive?")
            path.write_bytes(content)


@contextmanager
def _members(given: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Names and contents of an archive's files, in its order; the contents are to be read at once."""
    if not given.is_file() or not given.name.endswith(_SUFFIXES):
        raise StreamdeqError(f"expected a folder or an archive ({', '.join(_SUFFIXES)}) at {given}, found none")
    try:
        if given.suffix in (".zip", ".whl"):
            with zipfile.ZipFile(given) as archive:
                yield ((one.filename, archive.open(one)) for one in archive.infolist() if not one.is_dir())
        else:
            with open_regular(given) as file:
                if given.suffix == ".deb":
                    file = _data_of_deb(file, given)
                with tarfile.open(fileobj=file, mode="r|" if given.suffix == ".deb" else "r|*") as archive:
                    yield ((one.name, found) for one in archive if one.isreg() and (found := archive.extractfile(one)))
    except (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        raise StreamdeqError(f"cannot read the archive {given}: {error}; download it again") from error


def _data_of_deb(file: IO[bytes], given: Path) -> IO[bytes]:
    """The files of a Debian package: an `ar` archive of which `data.tar.xz` is a member (deb(5))."""
    if file.read(8) != b"!<arch>\n":
        raise StreamdeqError(f"expected a Debian package in {given}; download it again")
    while len(header := file.read(60)) == 60:
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), header[48:58].strip()
        if name == "data.tar.xz":
            return lzma.open(file)
        with suppress(ValueError):
            file.seek(int(size) + int(size) % 2, os.SEEK_CUR)
    raise StreamdeqError(f"expected data.tar.xz in the Debian package {given}; download it again")


def copied(sources: Path, names: tuple[str, ...], folder: Path) -> None:
    """Copy files unchanged, each under its last name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(sources / name, folder / Path(name).name)


def _lacks(source: Source, given: Path) -> str:
    return f"expected {source.anchor} in {given}, or in a folder in it, found none; {_get(source)}"


def _get(source: Source) -> str:
    return f"get {source.url}" if source.url else f"make it by: streamdeq data prepare {source.name.split()[-1]}"
