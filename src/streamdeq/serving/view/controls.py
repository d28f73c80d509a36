"""Read and check what a page sends to change a run."""

import json
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.reading import loads
from streamdeq.running.observer import Controls
from streamdeq.streaming.options import StartFrom

STARTS = (StartFrom.PREVIOUS, StartFrom.ZEROS)


def read_controls(body: bytes, most: int) -> Controls:
    """`{"iterations": 3, "start": "zeros"}`, either or both.

    Raises:
        StreamdeqError: anything else; says what was expected and what came.
    """
    try:
        given: Any = loads(body.decode())
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given or not given.keys() <= {"iterations", "start"}:
        raise StreamdeqError("expected a JSON object with 'iterations', 'start' or both")
    iterations, start = given.get("iterations"), given.get("start")
    # bool is an int, and 3.0 equals 3: the type decides.
    if "iterations" in given and (type(iterations) is not int or not 1 <= iterations <= most):
        raise StreamdeqError(f"iterations: expected a whole number from 1 to {most}, got {json.dumps(iterations)}")
    if "start" in given and start not in STARTS:
        raise StreamdeqError(f"start: expected one of {', '.join(STARTS)}, got {json.dumps(start)}")
    return Controls(iterations, start)
