"""The examples run, on rendered pictures."""

import csv
import re
import runpy
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from support import forked
from support.making_videos import decoded, write_video

from streamdeq.data.convert import convert
from streamdeq.data.open import open_dataset

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FRAMES, SIZE_HW = 4, (96, 128)


def street(seed: int, path: Path) -> Path:
    [clip] = open_dataset(f"synthetic:seed={seed},clips=1,frames={FRAMES},size=96x128", "val").clips
    return write_video(path, FRAMES, size_hw=SIZE_HW, draw=lambda number, size_hw: clip.image(number))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [street(seed, folder / f"street{seed}.mp4") for seed in range(2)]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(0)  # what the example sent before it ended is here
        yield port


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What an example's `main` prints, run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ran(example: str, *arguments: object) -> str:
        runpy.run_path(str(EXAMPLES / example), run_name="example")["main"]([*map(str, arguments)])
        return capsys.readouterr().out

    return ran


def test_each_has_a_main_and_at_most_sixty_lines() -> None:
    lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in EXAMPLES.glob("*.py")}
    assert len(lines) >= 6
    assert {name for name, text in lines.items() if len(text) > 60 or "    main()" not in text[-1]} == set()


def test_own_video_is_a_film_and_a_table(films: list[Path], tmp_path: Path, run: Callable[..., str]) -> None:
    said = run("own_video.py", films[0], "--model", "street-s", "--out", "drawn")
    assert said == f"{FRAMES} frames, 0 damaged: drawn/street0.drawn.mp4, drawn/street0.csv\n"
    film = decoded(tmp_path / "drawn" / "street0.drawn.mp4")
    assert [time for time, _ in film] == [time for time, _ in decoded(films[0])]
    assert (film[0][1] != decoded(films[0])[0][1]).any()
    with (tmp_path / "drawn" / "street0.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["frame"]) for row in rows} == set(range(FRAMES))
    pixels = sum(int(row["pixels"]) for row in rows if row["frame"] == "0")
    assert pixels == SIZE_HW[0] * SIZE_HW[1]


def test_the_zone_counts_what_is_in_it(films: list[Path], run: Callable[..., str]) -> None:
    told = (films[0], "--model", "street-boxes-s", "--conf", 0.2, "--budget-ms", 1, "--zone")
    everywhere = [counted(line) for line in run("webcam_zone.py", *told, "0,0", "1,0", "1,1.1", "0,1.1").splitlines()]
    nowhere = [counted(line) for line in run("webcam_zone.py", *told, "0,0", "1,0", "1,0.01").splitlines()]
    assert any(seen for _, seen in everywhere)
    assert [count for count, _ in everywhere] == [seen for _, seen in everywhere]
    assert [count for count, _ in nowhere] == [0]  # told when it changes, which it does not


def counted(line: str) -> tuple[int, int]:
    """How many are in the zone, and how many are seen."""
    found = re.fullmatch(r"\d+\.\d\d s: (\d+) in the zone; seen: (.+)", line)
    assert found, line
    return int(found.group(1)), len(re.findall(r"\w+ -?\d+", found.group(2)))


def test_ten_cameras_are_answered_frame_by_frame(films: list[Path], tmp_path: Path, run: Callable[..., str]) -> None:
    sources = [films[number % 2] for number in range(10)]
    said = run("ten_cameras.py", *sources, "--model", "street-s").splitlines()
    assert [line.partition(": ")[0] for line in said[:-1]] == list(map(str, sources))
    answers = [line.partition(": ")[2] for line in said[:-1]]
    assert all(answer.startswith(f"<Segmentation of frame {FRAMES - 1}: ") for answer in answers)
    assert answers == answers[:2] * 5  # the same film says the same, whoever else is there
    assert re.fullmatch(rf"{10 * FRAMES} frames, \d+\.\d per second", said[-1])


def test_own_data_make_a_model(films: list[Path], tmp_path: Path, run: Callable[..., str]) -> None:
    convert("synthetic:clips=2,frames=2,size=48x64", tmp_path / "own", "masks")
    Image.fromarray(decoded(films[0])[0][1]).save(tmp_path / "street.png")
    told = ("--init", "street-s", "--steps", 2, "--picture", "street.png", "--out", "run")
    said = run("train_your_own.py", "own", "batch=2", *told).splitlines()
    weights = Path(said[-1].removeprefix("weights: "))
    assert (tmp_path / weights).parent == tmp_path / "run"
    assert (tmp_path / weights).is_file()
    with Image.open(tmp_path / "run" / "answer.png") as answer:
        assert answer.size == SIZE_HW[::-1]


@pytest.mark.parametrize(("region", "actions"), [("-999,-999,999,999", 1), ("500,500,600,600", 0)])
def test_a_key_point_in_the_region_sends_one_packet(
    films: list[Path], tmp_path: Path, run: Callable[..., str], listener: socket.socket, region: str, actions: int
) -> None:
    to = f"127.0.0.1:{listener.getsockname()[1]}"
    told = ("--model", "walkers-s", "--point", "neck", f"--region={region}", "--least-score", 0, "--to", to)
    said = run("closed_loop.py", films[0], *told)
    assert said.startswith(f"{FRAMES} frames, 0 dropped, {actions} actions\n")
    assert len(re.findall(r"^delay: median \d+\.\d ms, 95 % \d+\.\d ms$", said, flags=re.MULTILINE)) == actions
    if actions:
        assert re.fullmatch(rb"neck 0 -?\d+\.\d -?\d+\.\d", listener.recv(100))
    with pytest.raises(BlockingIOError):
        listener.recv(100)


def test_an_own_cell_is_trained_and_run(films: list[Path], tmp_path: Path) -> None:
    data = "synthetic:clips=1,frames=4,size=48x64"
    train = ("train", "synthetic-tiny", "architecture.cell=depthwise", "steps=4", "--data", data, "--out", "cell", "-q")
    assert program(str(EXAMPLES / "own_cell.py"), *train, cwd=tmp_path)[0] == 0
    film = ("run", str(films[0]), "--model", "cell/model.safetensors", "-q")
    code, said, error = program(str(EXAMPLES / "own_cell.py"), *film, "--save", "out", cwd=tmp_path)
    assert (code, Path(said.strip()).name) == (0, "street0.mp4"), error


def program(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a process: the command ends its own."""
    done = forked.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr
