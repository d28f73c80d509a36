"""Parsers of what comes from outside, on whatever Hypothesis makes up: what is written is read back, anything else is
refused with a StreamdeqError, and what it says can be shown."""

import json
import os
import string
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.label_trees import SETS
from support.small_models import frames, tiny_model, tiny_spec

from streamdeq.codec import flatten, from_plain, override, to_plain
from streamdeq.data.check import check
from streamdeq.data.class_names import read_classes
from streamdeq.data.documents import read_csv, read_xml, read_yaml
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.reading import loads
from streamdeq.streaming.description import Description
from streamdeq.streaming.locate import read_boxes
from streamdeq.streaming.options import StreamOptions
from streamdeq.video.live.address import SCHEMES, file_name, parse_address
from streamdeq.video.live.redact import Redactor, redacted_address

#: The same examples each time, few of them; `tmp_path` is one folder for all of a test's.
CHECKED = settings(
    derandomize=True,
    max_examples=int(os.environ.get("STREAMDEQ_EXAMPLES", "50")),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
SPEC = tiny_spec(Architecture((8, 8, 16), groups=2, expansion=2))
WORD = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)


def readable(read: Any) -> Any:
    """What it gives; None where it is refused, in one line that can be shown."""
    try:
        return read()
    except StreamdeqError as refusal:
        told = str(refusal)
    assert told
    assert "\n" not in told
    assert told.encode()
    return None


@CHECKED
@given(PLAIN)
def test_json_that_python_writes_is_read_as_it_was(value: Any):
    text = json.dumps(value)
    assert repr(loads(text)) == repr(json.loads(text))


@CHECKED
@given(st.text(max_size=200) | st.text('[]{}",:\\ 1e.-u', max_size=200))
def test_what_is_no_json_is_a_value_error(text: str):
    with suppress(ValueError):
        loads(text)


# -- descriptions and states -------------------------------------------------------------------------------


@CHECKED
@given(st.sampled_from(sorted(to_plain(SPEC))), PLAIN)
def test_a_description_with_any_value_in_any_place_is_read_or_refused(key: str, value: Any):
    spec = readable(lambda: ModelSpec.from_json(json.dumps(to_plain(SPEC) | {key: value})))
    if spec is not None:
        assert ModelSpec.from_json(spec.to_json()) == spec


@CHECKED
@given(st.text(max_size=300))
def test_any_text_is_a_description_or_refused(text: str):
    readable(lambda: ModelSpec.from_json(text))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from safetensors import safe_open

    model, path = tiny_model(), tmp_path_factory.mktemp("state") / "a.safetensors"
    _, state = model.step(frames(1)[0], model.begin(StreamOptions(iterations=1)))
    state.save(path)
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["state"])


def places(plain: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [above] * bool(above) + [place for key, value in inside for place in places(value, (*above, key))]


@CHECKED
@given(st.data())
def test_a_state_with_any_value_in_any_place_is_read_or_refused(described: Any, data: st.DataObject):
    plain = json.loads(json.dumps(described))
    *above, last = data.draw(st.sampled_from(places(plain)))
    entry = plain
    for key in above:
        entry = entry[key]
    entry[last] = json.loads(json.dumps(data.draw(PLAIN)))

    def read() -> Description | None:
        try:
            return from_plain(Description, plain)
        except (ValueError, TypeError, OverflowError):  # which the file's reader turns into a line
            return None

    found = readable(read)
    if found is not None:
        assert readable(lambda: from_plain(Description, json.loads(json.dumps(to_plain(found))))) is not None


@CHECKED
@given(st.sampled_from(sorted(flatten(StreamOptions()))), st.text(max_size=30))
def test_any_text_for_a_setting_is_read_or_refused(key: str, text: str):
    readable(lambda: override(StreamOptions(), [f"{key}={text}"]))


# -- label files -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: one.write(tmp_path_factory.mktemp(name.replace(" ", "-"))) for name, one in SETS.items()}


@CHECKED
@given(st.data())
def test_a_label_file_with_any_word_in_any_place_is_read_or_told(trees: dict[str, Path], data: st.DataObject):
    name = data.draw(st.sampled_from(sorted(set(SETS) - {"imagenet-vid"})))  # whose films take long
    path = trees[name] / data.draw(st.sampled_from(SETS[name].files))
    whole = path.read_text(encoding="utf-8")
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, min(len(whole), begin + 20)))
    word = data.draw(
        st.text(max_size=12) | st.sampled_from(["1e999", "NaN", "-1", "null", '"', "[[", "9" * 40, "/", "../"])
    )
    path.write_text(whole[:begin] + word + whole[end:], encoding="utf-8", errors="replace", newline="")
    try:
        report = readable(lambda: check(trees[name], 1, task=SETS[name].task))
    finally:
        path.write_text(whole, encoding="utf-8", newline="")
    for problem in report.problems if report else ():
        assert "\n" not in problem


@CHECKED
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_document_or_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "any.txt"
    path.write_bytes(content)
    for read in (read_yaml, read_xml, read_classes, read_boxes, lambda path: list(read_csv(path))):
        readable(lambda read=read: read(path))


# -- addresses ---------------------------------------------------------------------------------------------

SECRET = st.text(string.ascii_letters + string.digits + "!$=_,;.~@%/?", min_size=8, max_size=20).map("s_".__add__)


@CHECKED
@given(st.sampled_from(sorted(SCHEMES)), WORD, SECRET, st.sampled_from(["login", "query", "path"]))
def test_no_secret_of_an_address_is_shown(scheme: str, host: str, secret: str, place: str):
    host = f"h{host}.example"
    address = {
        "login": f"{scheme}://admin:{quote(secret)}@{host}/live",
        "query": f"{scheme}://{host}/live?k={quote(secret)}",
        "path": f"{scheme}://{host}/user=admin_password={quote(secret)}/live",
    }[place]
    parsed = readable(lambda: parse_address(address))
    shown = [redacted_address(address), Redactor(address)(f"cannot open {address}: {quote(secret)}")]
    if parsed is not None:
        shown += [parsed.label, parsed.name, repr(parsed)]
        assert parsed.name == file_name(parsed.name)
    assert not [text for text in shown if quote(secret) in text]


@CHECKED
@given(st.text(max_size=80) | st.text(":/?&=@#%.0a\\", max_size=40).map("rtsp://".__add__))
def test_any_text_is_an_address_a_file_or_refused(text: str):
    parsed = readable(lambda: parse_address(text))
    if parsed is not None:
        assert set(parsed.name) <= set(string.ascii_letters + string.digits + "-")
    redacted_address(text)
