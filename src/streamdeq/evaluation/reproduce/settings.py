"""What a user may say of the items of `streamdeq reproduce`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from streamdeq.codec import Option
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.streaming.options import StartSource, WorkingSize

if TYPE_CHECKING:  # options are read before anything heavy is
    from streamdeq.data.base import Dataset


@dataclass(frozen=True)
class ItemSettings:
    """What of the data an item is made of, and at which numbers of iterations.

    Args:
        frames_per_clip: of Figs 3, 7 and 15 pairs of frames, elsewhere annotated frames.
    """

    iterations: Annotated[
        tuple[int, ...] | None, Option("Iterations per frame; default 1,2,4,8 or the item's.", short="-n", least=1)
    ] = None
    offsets: Annotated[
        tuple[int, ...] | None, Option("Frames since the start; default 0,1,2,5,10,20 or what there is.", least=0)
    ] = None
    frames: Annotated[int | None, Option("Frames of a clip that are shown or streamed over.", least=1)] = None
    size: WorkingSize = None
    batch: Annotated[int, Option("Rows computed together.", least=1)] = 1
    clips: Annotated[int | None, Option("So many clips, drawn at random.", least=1)] = None
    frames_per_clip: Annotated[int | None, Option("So many frames of a clip, drawn at random.", least=1)] = None
    seed: Annotated[int, Option("What is drawn at random depends on it.", least=0)] = 0
    resamples: Annotated[int, Option("Resamples the intervals are drawn from; 0 for no intervals.", least=0)] = 1000
    start_from: StartSource = None
    fps: Annotated[float | None, Option("`latency`: frames per second of the video; default: the data's.")] = None
    budgets_ms: Annotated[
        tuple[float, ...] | None, Option("`budget`: milliseconds per frame; default: 1.5 to 12 times a step.")
    ] = None

    def counts(self, usual: tuple[int, ...] = Settings.iterations) -> tuple[int, ...]:
        return self.iterations or usual

    def after(self, dataset: "Dataset") -> tuple[int, ...]:
        from streamdeq.evaluation.protocol.plan import usual_offsets

        return self.offsets or usual_offsets(dataset)

    def protocol(self, dataset: "Dataset", **changes: Any) -> Settings:
        """As the streaming protocol has them."""
        own = {name: getattr(self, name) for name in ("size", "batch", "clips", "frames_per_clip", "seed")}
        return Settings(**{"iterations": self.counts(), "offsets": self.after(dataset), **own, **changes})
