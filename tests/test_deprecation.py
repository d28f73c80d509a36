"""What is deprecated works, says what replaces it, and is gone when it was to go."""

import ast
import inspect
from pathlib import Path

import pytest

import streamdeq
from streamdeq.deprecation import deprecated

SOURCE = Path(streamdeq.__file__).parent


@deprecated("twice", since="0.2", until="0.4")
def double(number: int, *, and_one: bool = False) -> int:
    """2 n."""
    return 2 * number + and_one


def test_it_works_as_before_and_says_where_it_is_called_what_to_use() -> None:
    with pytest.warns(
        DeprecationWarning, match=r"^double is deprecated since 0\.2 and goes in 0\.4: use twice$"
    ) as caught:
        assert double(4, and_one=True) == 9
    assert caught[0].filename == __file__
    assert (double.__name__, double.__doc__) == ("double", "2 n.")
    assert list(inspect.signature(double).parameters) == ["number", "and_one"]


def test_it_stays_for_a_minor_version() -> None:
    with pytest.raises(ValueError, match="expected to stay for a minor version"):
        deprecated("twice", since="0.2.0", until="0.2.5")
    deprecated("twice", since="0.9", until="0.10")  # ten is more than nine


def overdue(text: str, version: str) -> list[str]:
    """Versions that deprecations in this source name and that have come."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "deprecated"]
    until = [ast.literal_eval(word.value) for call in named for word in call.keywords if word.arg == "until"]
    now = tuple(map(int, version.split(".")[:2]))
    return [one for one in until if tuple(map(int, one.split(".")[:2])) <= now]


def test_nothing_stays_longer_than_was_said() -> None:
    sample = '@deprecated("b", since="0.2", until="0.4")\ndef a(): ...\n'
    assert overdue(sample, "0.3.9") == []
    assert overdue(sample, "0.4.0") == ["0.4"]
    late = {
        path.name: overdue(path.read_text(encoding="utf-8"), streamdeq.__version__) for path in SOURCE.rglob("*.py")
    }
    assert {name: versions for name, versions in late.items() if versions} == {}
