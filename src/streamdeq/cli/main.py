"""`streamdeq`: the list of commands, and how the program ends.

Exit codes: 0 done; 2 the user can act (one line on stderr); 130 interrupted; 1 a bug (traceback).
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from streamdeq.cli.generated import command
from streamdeq.cli.terminal import ensure_standard_files, say
from streamdeq.errors import StreamdeqError, memory_errors
from streamdeq.version import __version__

#: What each is for. A command is a module beside this one with a function of its name, and is imported when it is asked
#: for. (A name that Python keeps for itself ends in `_`.)
COMMANDS = {
    "run": "Process a video: one or two solver iterations per frame, each frame started from the last one's result.",
    "archive": "Answer every frame of thousands of films, into Parquet: streamdeq archive 'videos/**/*.mp4' --out DIR.",
    "demo": "Segment a rendered street, from scratch beside streaming, with figures; the last line is the film's path.",
    "eval": "Score a model while it streams: streamdeq eval camvid-s --data DIR.",
    "compare": "Compare models as they stream: streamdeq compare camvid-s runs/mine --data DIR.",
    "reproduce": "Measure and draw the paper's table and figures: "
    "streamdeq reproduce fig3 --model camvid-s --data DIR --out figures.",
    "report": "Put what was reproduced on one page: streamdeq report figures.",
    "bench": "Measure how fast a model is here, part by part, and beside what else there is: streamdeq bench camvid-s.",
    "bench_cameras": "Measure how many cameras this machine holds, and what load does to their answers, beside what is "
    "done today: streamdeq bench cameras --data DIR.",
    "serve": "Many cameras on one machine, with a page and an interface: streamdeq serve cameras.yaml.",
    "models": "List the packaged models: size, data, licence and metrics of each.",
    "train": "Train a model: streamdeq train camvid-s --data DIR optimizer.lr=1e-3; torchrun starts several processes.",
    "data": "Say what a folder of data is, what is missing and how to get it: streamdeq data check DIR; "
    "write it in another layout: streamdeq data convert DIR DEST --to coco.",
    "data_prepare": "Make a folder of data from its public sources: "
    "streamdeq data prepare camvid --download DIR --out data/camvid.",
    "import_": "Convert a checkpoint of the MDEQ or DEQ authors: "
    "streamdeq import FILE --task segmentation -o OUT.safetensors.",
    "export": "Write a model as files for other programs: streamdeq export camvid-s --format onnx --out DIR.",
    "doctor": "Say what works here: versions, devices, precision, codecs, weights, extras. "
    "Exit code 2 if the core does not.",
}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"streamdeq {__version__}")
        raise typer.Exit


def _streamdeq(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Video perception that corrects instead of recomputing: streaming deep equilibrium models."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def build(commands: Iterable[Callable[..., None] | str]) -> typer.Typer:
    """The application of these commands; each is called as its function, `-` for `_`, none at the end."""
    # Without markup mode the help is plain text, and rich (a third of a second) stays out of --help.
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_streamdeq)
    for one in commands:
        function = getattr(import_module(f"streamdeq.cli.{one}"), one) if isinstance(one, str) else one
        help_ = COMMANDS[one] if isinstance(one, str) else None
        app.command(_called(function.__name__), help=help_)(command(function))
    return app


def listing() -> typer.Typer:
    """The application that knows of its commands what they are for, and imports none."""
    app = build(())
    for name, help_ in COMMANDS.items():
        app.command(_called(name), help=help_)(lambda: None)
    return app


def _called(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def guarded(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run `app` and turn every way it can end into an exit code and, where needed, a line on stderr."""
    try:
        # Outside standalone mode an early exit comes back as its code and a finished command as None.
        with memory_errors():
            code = app(list(arguments), prog_name="streamdeq", standalone_mode=False)
        _flush_stdout()
    except StreamdeqError as error:
        return _say(*error.lines, code=2)
    except typer.TyperException as error:
        return _say(f"{error.format_message().rstrip('.')} (see '{_help_command(app, arguments)}')", code=2)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", code=130)
    except Exception:
        say(*traceback.format_exc().splitlines(), err=True)
        return _say("this is a bug; please report it with the lines above, the command and --version", code=1)
    return _say("interrupted", code=130) if code == 130 else int(code or 0)


def main() -> None:
    """The entry point of the `streamdeq` command."""
    ensure_standard_files()
    arguments = sys.argv[1:]
    if "-".join(arguments[:2]) in map(_called, COMMANDS):  # a command of two words
        arguments = ["-".join(arguments[:2]), *arguments[2:]]
    asked = [name for name in COMMANDS if _called(name) in arguments[:1]]
    code = guarded(build(asked) if asked else listing(), arguments)
    _flush_stdout()
    sys.stderr.flush()
    # Everything is closed by now. Taking torch apart would take seconds on a busy machine, and Ctrl-C should not.
    os._exit(code)


def _say(*messages: str, code: int) -> int:
    """A line of stderr for each message, whatever it holds; returns `code`."""
    first, *others = (" ".join(message.split()) for message in messages)
    say(f"streamdeq: {first}", *(f"    {line}" for line in others), err=True)
    return code


def _help_command(app: typer.Typer, arguments: Sequence[str]) -> str:
    names = {command.name for command in app.registered_commands}
    known = [argument for argument in arguments[:1] if argument in names]
    return " ".join(["streamdeq", *known, "--help"])


def _flush_stdout() -> None:
    """Flush while it can be handled: a reader that went away (`| head`) is no error of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
