"""Which cameras' frames start, step and are read in this tick: a pure policy over a clock and measured costs.

It owns no tensor and no thread. The time is told with every call, so a test's own clock does as well as the machine's.
"""

from streamdeq.serving.scheduler.camera import Counts, Terms
from streamdeq.serving.scheduler.costs import Costs, Spent
from streamdeq.serving.scheduler.load import Demand, Load
from streamdeq.serving.scheduler.plan import Tick
from streamdeq.serving.scheduler.scheduler import Scheduler

__all__ = ["Costs", "Counts", "Demand", "Load", "Scheduler", "Spent", "Terms", "Tick"]
