"""XML of labelling tools, with the line of every element, read within bounds and without entities of its own."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from streamdeq.errors import StreamdeqError
from streamdeq.reading import MOST_DEPTH, read_bytes

#: Bytes and elements of a file: a film of an hour with a few tracks has a tenth of that.
MOST_XML, MOST_ELEMENTS = 64_000_000, 500_000
#: Bytes of a tag with its attributes, of which a mask is the longest; what is read at once.
MOST_TAG, _PART = 4_000_000, 1_000_000


@dataclass(slots=True)
class Node:
    """An element; `text` is what stands in it but for spaces around."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list["Node"] = field(default_factory=list)
    text: str = ""

    def first(self, *path: str) -> "Node | None":
        """The first element by these tags, one in the other."""
        found: Node | None = self
        for tag in path:
            found = next((one for one in found.children if one.tag == tag), None) if found is not None else None
        return found

    def every(self, tag: str) -> list["Node"]:
        """All elements of a tag in it, however deep."""
        return [one for child in self.children for one in ([child] * (child.tag == tag) + child.every(tag))]


def read_nodes(path: Path) -> Node:
    """The root of a file.

    Raises:
        StreamdeqError: with its line, what is no XML, too large or too deep, or declares entities, of which a few lines
            may stand for gigabytes.
    """
    content = read_bytes(path, MOST_XML)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    root = Node("", 0, {})
    above, counted = [root], 0

    def refuse(expected: str, got: str) -> None:
        line = parser.CurrentLineNumber
        raise StreamdeqError(f"expected {expected} in {path}, line {line}, got {got}; export it again")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal counted
        counted += 1
        if counted > MOST_ELEMENTS or len(above) > MOST_DEPTH:
            refuse(f"at most {MOST_ELEMENTS:,} elements, {MOST_DEPTH} deep", "more")
        node = Node(tag, parser.CurrentLineNumber, attributes)
        above[-1].children.append(node)
        above.append(node)

    def text(letters: str) -> None:
        above[-1].text = (above[-1].text + letters).strip()

    parser.StartElementHandler, parser.EndElementHandler = start, lambda tag: above.pop()
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = lambda *about: refuse("XML without entities of its own", "<!ENTITY")
    try:
        for begin in range(0, len(content), _PART):
            parser.Parse(content[begin : begin + _PART], False)
            if begin - parser.CurrentByteIndex > MOST_TAG:
                refuse(f"tags of at most {MOST_TAG:,} bytes", "a longer one")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise StreamdeqError(f"expected XML in {path}, line {error.lineno}, got: {why}; export it again") from error
    except (LookupError, ValueError) as error:  # of its encoding
        raise StreamdeqError(f"expected XML in {path}, got: {error}; export it again") from error
    return root.children[0]
