"""The YAML files of data sets, with every value as the text that stands there: `no` is a name. Knows no data set."""

from pathlib import Path
from typing import Any

import yaml

from streamdeq.data.classes import read_text
from streamdeq.errors import StreamdeqError


class _Loader(yaml.BaseLoader):
    """Leaves text as it is and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem=f"'{key.value}' twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return found


def read_yaml(path: Path) -> dict[str, Any]:
    """What each key of the file says: text (empty for nothing), a list or a dictionary of such.

    Raises:
        StreamdeqError: with file, line and reason for what is broken.
    """
    text = read_text(path)
    try:
        found = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        where = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else path
        began = f" {error.context} from line {error.context_mark.line + 1} on" if error.context_mark else ""
        raise StreamdeqError(f"expected YAML in {where}, got: {error.problem}{began}; correct it") from error
    except yaml.reader.ReaderError as error:
        raise StreamdeqError(f"expected YAML in {path}, got: {error.reason}; correct it") from error
    if not isinstance(found, dict):
        first = (text.strip() or "nothing").splitlines()[0][:60]
        raise StreamdeqError(f"expected 'key: value' in {path}, got '{first}'; correct it")
    return found
