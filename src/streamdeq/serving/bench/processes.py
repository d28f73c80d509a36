"""A process for each camera, each with the model loaded, one thread and the freshest frame."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.serving.bench.baselines import LEAD_S, Fixed, one_after_another, play, warm_up
from streamdeq.serving.bench.outcome import Answered, Outcome
from streamdeq.serving.bench.show import Show

#: For importing torch and loading the model, eight times at once on two cores.
PATIENCE_S = 120.0


def play_processes(show: Show, load: Any, steps: int) -> Outcome:
    """The show in as many processes as it has cameras.

    Args:
        load: makes the engine, in the process; it is pickled.

    Raises:
        StreamdeqError: a process ended before its answers came.
    """
    context = multiprocessing.get_context("spawn")
    members, pipes = [], []
    try:
        for camera in range(show.cameras):
            ours, theirs = context.Pipe()
            member = context.Process(target=_one, args=(theirs, show.alone(camera), load, steps), daemon=True)
            member.start()
            theirs.close()
            members.append(member)
            pipes.append(ours)
        for pipe in pipes:
            _received(pipe, PATIENCE_S)
        zero_s = time.monotonic() + LEAD_S
        for pipe in pipes:
            pipe.send(zero_s)
        outcomes = [_received(pipe, PATIENCE_S) for pipe in pipes]
    finally:
        for member in members:
            member.join(1.0)
            member.kill()
    answers = [
        Answered(camera, one.number, one.answered_s, one.steps, one.result)
        for camera, outcome in enumerate(outcomes)
        for one in outcome.answers
    ]
    return Outcome(tuple(answers), sum(outcome.dropped for outcome in outcomes))


def _received(pipe: Connection, patience_s: float) -> Any:
    try:
        if pipe.poll(patience_s):
            return pipe.recv()
    except EOFError:
        pass
    raise StreamdeqError("a camera's process ended before its answers came; is there memory for so many?")


def _one(pipe: Connection, show: Show, load: Any, steps: int) -> None:
    """In the process."""
    from streamdeq.running.memory import keep_memory
    from streamdeq.threads import use

    keep_memory()
    use(1)  # as many threads as cores in each would hinder one another
    engine = load()
    fixed = Fixed(engine, (engine.open(),), steps)
    warm_up(show, fixed, 1)
    pipe.send("ready")
    pipe.send(play(show, fixed, one_after_another, pipe.recv()))
