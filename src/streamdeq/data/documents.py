"""The text files of data sets: JSON by a schema, YAML, XML, CSV. All of them are read here, within bounds (`reading`),
and what is broken is refused with its file, its place in it and what to do.

What is expected of a field of a `Schema` stands in its `msgspec.Meta(description=…)`, what is expected of an entry as
a whole in the class's `expected`; `{}` in such a text is where the place goes, else it comes after. Fields that a
schema does not name are nobody's business, unless it forbids them.
"""

import csv
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints
from xml.etree import ElementTree

import msgspec
import yaml

from streamdeq.codec import from_plain, typed
from streamdeq.data.problems import Problems
from streamdeq.errors import StreamdeqError
from streamdeq.reading import MOST_DEPTH, check_depth, decoded, loads, read_bytes, read_text

T = TypeVar("T")
Place = Sequence[str | int]
"""The keys and indices that lead to an entry."""
UNSTATED = "not stated by the data"
#: Bytes of a file of JSON (COCO's largest has 450 MB), and of one whose problems are all looked for, which takes twenty
#: times as much; of YAML, read in 13 s, and of XML; and how many nodes a YAML file may stand for with its aliases.
MOST_JSON, MOST_SEARCHED, MOST_YAML, MOST_XML, MOST_NODES = 1 << 30, 64_000_000, 1_000_000, 4_000_000, 1_000_000


def licence_of(folder: Path) -> str:
    """The paragraph of the folder's README.md that begins with `Licence:`, in one line; `UNSTATED` without."""
    readme = folder / "README.md"
    if not readme.is_file():
        return UNSTATED
    found = re.search(r"^Licen[cs]e: (.+?)(?:\n\s*\n|\Z)", read_text(readme), re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else UNSTATED


# -- JSON --------------------------------------------------------------------------------------------------


class Schema(msgspec.Struct):
    """What an object of JSON holds."""

    expected: ClassVar[str] = ""


@dataclass(frozen=True)
class Json:
    """A file of JSON, and where its entries stand; `first` is the number of the first entry, where it is a list."""

    path: Path
    first: int = 1
    _begins: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def read(self, kind: Any) -> Any:
        """Raises StreamdeqError with file, place and reason for what is no `kind`.

        What a schema does not name is passed over, and costs nothing. Only where something is wrong, or NaN (which
        JSON has not, but Python writes), all of the file is taken in.
        """
        content = self._content()
        try:
            check_depth(content)
            return msgspec.json.decode(content, type=kind)
        except (ValueError, RecursionError) as error:
            if len(content) > MOST_SEARCHED:
                raise StreamdeqError(f"expected JSON as documented in {self.path}, got: {error}; fix it") from error
        whole = _load(decoded(content, self.path), lambda line: f"{self.path}, line {line}")
        return _convert(whole, kind, self._spot)

    def _content(self) -> bytes:
        return read_bytes(self.path, MOST_JSON).removeprefix(BOM_UTF8)

    def _spot(self, place: Place) -> str:
        match place:
            case [int(index), *_]:
                return f"{self.path}, entry {index + self.first}"
            case [str(key), int(index), *_]:
                return self.where(key, index)
        return str(self.path)

    def where(self, key: str, index: int) -> str:
        """Entry `index` of the list `key`, in words for an error. The file is read again, once: it may be large."""
        if key not in self._begins:
            self._begins[key] = _lines_of(key, decoded(self._content(), self.path))
        line = f"line {self._begins[key][index]}, " if index < len(self._begins[key]) else ""
        return f"{self.path}, {line}{key} number {index + 1}"


def _lines_of(key: str, text: str) -> list[int]:
    """The lines in which the entries of the list `key` begin, as far as that can be told."""
    found = re.search(rf'"{key}"\s*:\s*\[\s*', text)
    decoder = json.JSONDecoder(parse_int=len, parse_float=len)  # of whatever length
    place, lines, line, counted = found.end() if found else 0, [], 1, 0
    with suppress(ValueError, IndexError, RecursionError):
        while not lines or text[place] != "]":
            line, counted = line + text.count("\n", counted, place), place
            lines.append(line)
            place = re.compile(r"[\s,]*").match(text, decoder.raw_decode(text, place)[1]).end()  # type: ignore[union-attr]
    return lines


def read_json_lines(path: Path, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Every line that is not empty, and where it stands, in words for an error."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where = f"line {number} of {path}"
        if line.strip():
            whole = _load(line, lambda _, where=where: where)
            yield where, _convert(whole, kind, lambda _, where=where: where)


def _load(text: str, where: Callable[[int], str]) -> Any:
    """What the text says; `where` says where a line of it stands, in words for an error."""
    try:
        whole = loads(text)
        if r"\ud" in text or r"\uD" in text:  # halves of pairs, which no text has, perhaps
            json.dumps(whole, ensure_ascii=False).encode()
        return whole
    except ValueError as error:
        line, problem = getattr(error, "lineno", 1), getattr(error, "msg", error)
        raise StreamdeqError(f"expected JSON in {where(line)}, got: {problem}; correct it") from error


def _convert(whole: Any, kind: Any, where: Callable[[Place], str]) -> Any:
    try:
        return msgspec.convert(whole, kind)
    except msgspec.ValidationError as error:
        problems = Problems()
        for place, text in _all_of(whole, kind, error):
            with problems.collect():
                raise StreamdeqError(_refusal(whole, kind, place, where(place), text)) from error
        problems.tell()


def _all_of(whole: Any, kind: Any, error: msgspec.ValidationError) -> list[tuple[Place, str]]:
    """The first problem, with those of the list that it is in: one for each entry."""
    first, found = _place(error), list[tuple[Place, str]]()
    above = first[: next((k for k, step in enumerate(first) if isinstance(step, int)), 0)]
    entries = whole
    for step in above:
        entries, kind = entries[step], _inner(kind, step)
    for k, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            msgspec.convert(entry, _inner(kind, k))
        except msgspec.ValidationError as problem:
            found.append(([*above, k, *_place(problem)], str(problem)))
    return found if above != first and found else [(first, str(error))]


def _place(error: msgspec.ValidationError) -> Place:
    path = re.search(r" - at `\$(.*)`$", str(error))
    steps = re.findall(r"\[(\d+)\]|\.([^.\[]+)", path[1]) if path else []
    return [int(index) if index else key for index, key in steps]


def _refusal(given: Any, kind: Any, place: Place, where: str, problem: str) -> str:
    """What the innermost field or entry on the way to the problem is expected to be, and is."""
    expected, got = _expected(kind), given
    for step in place:
        kind, given = _inner(kind, step), given[step]
        if text := _expected(kind):
            expected, got = text, given
    missing = re.search(r"missing required field `(.+?)`", problem)
    if missing and not any(one.expected for one in _schemas(kind)):
        expected = _expected(_inner(kind, missing[1])) or expected
    if "unknown field" in problem:
        told = ", ".join(got)
    elif (isinstance(got, list) and "`object`" in problem) or (isinstance(got, dict) and "`array`" in problem):
        told = type(got).__name__
    else:
        told = str(got)[:80].replace("\n", " ")
    placed = expected if "{}" in expected else f"{expected} in {{}}"
    return f"expected {placed.replace('{}', where)}, got {told}; correct it"


def _expected(kind: Any) -> str:
    notes = [note.description for note in getattr(kind, "__metadata__", ()) if isinstance(note, msgspec.Meta)]
    return next(filter(None, (*notes, *(one.expected for one in _schemas(kind)))), "")


def _inner(kind: Any, step: str | int) -> Any:
    """The type of a field, or of the entries of a list; None where that cannot be told."""
    if isinstance(step, str):
        return next((get_type_hints(one, include_extras=True).get(step) for one in _schemas(kind)), None)
    return next((get_args(one)[0] for one in _members(kind) if get_args(one)), None)


def _schemas(kind: Any) -> Iterator[type["Schema"]]:
    return (one for one in _members(kind) if isinstance(one, type) and issubclass(one, Schema))


def _members(kind: Any) -> Iterator[Any]:
    """The types that an annotated one, or a union, stands for."""
    if getattr(kind, "__metadata__", ()):
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind


# -- other documents ---------------------------------------------------------------------------------------


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its line."""
    rows = csv.reader(read_text(path).splitlines())
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise StreamdeqError(f"expected CSV in {path}, line {rows.line_num}, got: {error}; correct it") from error


def read_xml(path: Path) -> ElementTree.Element:
    """The root of the file, in which no entities are declared: of those a few lines may stand for gigabytes."""
    content = read_bytes(path, MOST_XML)
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise StreamdeqError(f"expected XML without entities of its own in {path}, got <!ENTITY; fetch it again")
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise StreamdeqError(f"expected XML in {path}, line {line}, got: {error.msg}; fetch it again") from error
    except (LookupError, ValueError) as error:  # of its encoding
        raise StreamdeqError(f"expected XML in {path}, got: {error}; fetch it again") from error


class _Loader(yaml.BaseLoader):
    """Leaves text as it is, so that `no` is a name, and refuses a key that stands twice, and what a few aliases make
    too large, or endless."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _count(node, {}, 0)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem=f"'{key.value}' twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return found


def _count(node: yaml.Node, known: dict[yaml.Node, int], depth: int) -> int:
    """The nodes that one stands for, its aliases written out; one that stands for itself is too deep."""
    if node not in known:
        inside = node.value if isinstance(node, yaml.CollectionNode) else ()
        nodes = (one for entry in inside for one in (entry if isinstance(entry, tuple) else (entry,)))
        count = 1 + sum(_count(one, known, depth + 1) for one in nodes) if depth < MOST_DEPTH else MOST_NODES + 1
        if count > MOST_NODES:
            problem = f"more than {MOST_DEPTH} levels, or more than {MOST_NODES:,} entries"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
        known[node] = count
    return known[node]


def read_yaml(path: Path) -> dict[str, Any]:
    """What each key of the file says: text (empty for nothing), a list or a dictionary of such."""
    text = read_text(path, MOST_YAML)
    try:
        found = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        where = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else path
        began = f" {error.context} from line {error.context_mark.line + 1} on" if error.context_mark else ""
        raise StreamdeqError(f"expected YAML in {where}, got: {error.problem}{began}; correct it") from error
    except (yaml.reader.ReaderError, RecursionError, ValueError) as error:
        raise StreamdeqError(f"expected YAML in {path}, got: {getattr(error, 'reason', error)}; correct it") from error
    if not isinstance(found, dict):
        first = (text.strip() or "nothing").splitlines()[0][:60]
        raise StreamdeqError(f"expected 'key: value' in {path}, got '{first}'; correct it")
    return found


def read_settings(kind: type[T], path: Path) -> T:
    """A dataclass of settings from a YAML file; what is left out has its default.

    Raises:
        StreamdeqError: as `read_yaml`, or as `from_plain`, with the file.
    """
    plain = typed(read_yaml(path))
    try:
        return from_plain(kind, plain, "key")
    except StreamdeqError as error:
        raise StreamdeqError(f"{path}: {error}") from error
