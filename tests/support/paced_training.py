"""`python paced_training.py PAUSE_S HALT train …`: the command, with a pause after each step of training.

In the pause a signal arrives between two steps however busy the machine is. And in the middle of writing its HALT-th
checkpoint the process stops itself (SIGSTOP), with half of the file written; 0 for never.
"""

import os
import signal
import sys
import time
from typing import Any

from streamdeq.cli.main import main
from streamdeq.training.trainer import Trainer

pause_s, halt = float(sys.argv.pop(1)), int(sys.argv.pop(1))
step = Trainer.step
written = 0


def paced(*given: Any, **named: Any) -> Any:
    done = step(*given, **named)
    time.sleep(pause_s)
    return done


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: the last that happens to a checkpoint before its name is a change of its mode."""
    global written
    if event == "os.chmod" and ".checkpoint.part-" in str(arguments[0]):
        written += 1
        if written == halt:
            os.truncate(arguments[0], os.path.getsize(arguments[0]) // 2)
            os.kill(os.getpid(), signal.SIGSTOP)


Trainer.step = paced
sys.addaudithook(watch)
main()
