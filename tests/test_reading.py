"""What comes from outside is read within bounds, and what an error says of it is one line that can be shown."""

import json
import os
import time
from pathlib import Path

import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.reading import loads, read_bytes, read_text


@pytest.mark.parametrize(
    "text",
    [
        '["[[[[", "]]", "{", "\\"[[[\\\\", "\\\\"]',
        json.dumps("[" * 1000 + '"' * 1000 + "\\" * 999),
        "[" * 64 + "]" * 64,
        "[[], [], {}, {}]" + " " * 1000,
        "9" * 1000,
        "-0." + "1" * 5000,
        '"' + "9" * 5000 + '"',
        "[NaN, Infinity]",
    ],
)
def test_json_within_bounds_says_what_it_says(text: str):
    assert repr(loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        '{"a":' * 70 + "1" + "}" * 70,
        "9" * 1001,
        '"' + '\\"' * 3_000_000,
        "]" * 1000,
    ],
    ids=["open", "deep", "objects", "digits", "quotes", "closed"],
)
def test_json_beyond_bounds_is_a_value_error_at_once(text: str):
    began = time.monotonic()
    with pytest.raises(ValueError):  # noqa: PT011 (json's own, or ours)
        loads(text)
    assert time.monotonic() - began < 2


def test_infinity_is_no_number_where_only_finite_ones_are_wanted():
    with pytest.raises(ValueError, match="NaN is no number"):
        loads("[NaN]", finite=True)


def test_a_file_larger_than_its_kind_is_refused_and_one_as_large_is_read(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert len(read_bytes(tmp_path / "a", 1000)) == 1000
    with pytest.raises(StreamdeqError, match="expected at most 999 bytes"):
        read_bytes(tmp_path / "a", 999)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (lambda path: os.mkfifo(path), "got a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "got a device"),
        (lambda path: path.mkdir(), "got a folder"),
        (lambda path: path.symlink_to(path), "cannot read"),
        (lambda path: None, "cannot read .*No such file"),
        (lambda path: path.write_bytes(b"a\xffb"), "expected UTF-8 text .* got byte 1"),
        (lambda path: path.write_text("a\nb" + "1" * 1001), "at most 1000 digits in .*, line 2"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, put, message: str):
    put(tmp_path / "labels.txt")
    with pytest.raises(StreamdeqError, match=message):
        read_text(tmp_path / "labels.txt")


def test_lines_end_as_in_a_text_file_and_a_byte_order_mark_is_none_of_the_text(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\r\nb\rc")
    assert read_text(tmp_path / "a") == "a\nb\nc"


def test_an_error_is_one_line_that_can_be_shown_whatever_came():
    error = StreamdeqError("expected a class, got '\x1b[31m\x9b\udc80" + "x" * 1_000_000 + "'\n; correct it")
    text = str(error)
    assert text.isprintable()
    assert len(text) < 4100
    assert text.startswith("expected a class, got '\ufffd[31m\ufffd\ufffd")
    assert text.endswith(" ; correct it")
