"""How the command ends: exit codes, one line for what the user can act on, a traceback for bugs only."""

import resource
import signal
import subprocess
import sys

import pytest
import typer

from streamdeq import __version__
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.errors import StreamdeqError

HEAVY = {"torch", "torchvision", "av", "numpy", "PIL", "rich"}

READERS = {"camvid", "cityscapes", "coco", "cocopose", "deeplabcut", "imagefolder", "imagenet_vid", "mpii", "posetable"}
READERS |= {"open", "yolo"}


def streamdeq(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamdeq", *arguments]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def fine(times: int = 1) -> None:
    """Say it."""
    typer.echo("fine " * times)


def refuse() -> None:
    raise StreamdeqError("no video in\n  a.txt; give a video")


def break_down() -> None:
    raise ZeroDivisionError("seven")


def leave(code: int) -> None:
    raise typer.Exit(code)


def stop() -> None:
    raise KeyboardInterrupt


APP = build([fine, refuse, break_down, leave, stop])


def test_the_version_is_the_packages() -> None:
    done = streamdeq("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"streamdeq {__version__}\n", "")


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys; from streamdeq.cli.main import COMMANDS, build, guarded;"
        "app = build(COMMANDS); names = [name.rstrip('_').replace('_', '-') for name in COMMANDS];"
        "codes = [guarded(app, a) for a in (['--version'], ['--help'], *([n, '--help'] for n in names))];"
        f"assert not any(codes), codes; print('heavy:', sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["run", "--help"]])
def test_what_needs_no_model_imports_no_torch_and_no_other_command(arguments: list[str]) -> None:
    program = (
        f"import os, sys; sys.argv[1:] = {arguments!r};"
        "os._exit = lambda code: print('modules:', *sys.modules);"
        "from streamdeq.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "streamdeq.cli.main" in modules, done.stderr
    assert not HEAVY & modules
    assert {name for name in COMMANDS if f"streamdeq.cli.{name}" in modules} == {*arguments} - {"--help"}
    assert not [name for name in modules if name.startswith("streamdeq.data")]


def test_a_run_without_boxes_from_labels_imports_no_data_reader() -> None:
    program = "import sys, streamdeq.running.run, streamdeq.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert "streamdeq.running.run" in done.stdout.split(), done.stderr
    data = [name for name in done.stdout.split() if name.startswith("streamdeq.data.")]
    assert [name for name in data if name.rsplit(".", 1)[-1] in READERS or ".readers." in name] == []


def test_help_costs_less_than_half_a_second_of_processor_time() -> None:
    def children_s() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    # Processor time, not the clock: others may be busy on this machine.
    before_s = children_s()
    assert streamdeq("--help").returncode == 0
    assert children_s() - before_s < 0.5


def test_no_command_at_all_shows_the_help_and_counts_as_misuse() -> None:
    done = streamdeq()
    assert done.returncode == 2
    assert done.stdout.startswith("Usage: streamdeq")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fien"], "streamdeq: No such command 'fien'. Did you mean 'fine'? (see 'streamdeq --help')\n"),
        (["fine", "--tmies", "2"], "(see 'streamdeq fine --help')\n"),
        (["fine", "--times", "many"], "streamdeq: Invalid value for '--times'"),
        (["fine", "extra"], "(extra) (see 'streamdeq fine --help')\n"),
        (["leave"], "streamdeq: Missing argument"),
        (["refuse"], "streamdeq: no video in a.txt; give a video\n"),
    ],
)
def test_what_the_user_can_act_on_is_one_line_and_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(APP, arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert line in printed.err
    assert printed.err.startswith("streamdeq: ")
    assert printed.err.count("\n") == 1


def test_a_finished_command_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(APP, ["fine", "--times", "2"]) == 0
    assert capsys.readouterr() == ("fine fine \n", "")


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_command_may_choose_its_code(code: int) -> None:
    assert guarded(APP, ["leave", str(code)]) == code


def test_a_bug_shows_its_traceback_and_asks_to_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(APP, ["break-down"]) == 1
    errors = capsys.readouterr().err
    assert "Traceback (most recent call last)" in errors
    assert "ZeroDivisionError: seven" in errors
    assert "please report it" in errors.splitlines()[-1]


def test_an_interruption_is_one_line_and_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(APP, ["stop"]) == 130
    assert capsys.readouterr().err == "streamdeq: interrupted\n"


PROCESS = """
import sys, time
import typer
from streamdeq.cli.main import build, guarded

def wait() -> None:
    print("waiting", flush=True)
    time.sleep(30)

def talk() -> None:
    for _ in range(100_000):
        typer.echo("a line of some length")

sys.exit(guarded(build([wait, talk]), sys.argv[1:]))
"""


def test_ctrl_c_in_a_real_process_ends_it_with_130_and_no_traceback() -> None:
    command = [sys.executable, "-c", PROCESS, "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "streamdeq: interrupted\n"


@pytest.mark.parametrize("lines", [0, 3])
def test_a_reader_that_goes_away_leaves_no_traceback(lines: int) -> None:
    command = [sys.executable, "-c", PROCESS, "talk"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
    assert errors == ""
