"""Less memory for more time: what is graded keeps its input alone, and is computed again when its gradient is."""

from torch.utils.checkpoint import checkpoint

from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap


def recomputed(f: FixedPointMap) -> FixedPointMap:
    """f, whose every application with a graph keeps z and nothing of what is inside; its gradient costs one more.

    `f` is a bound problem, the same function whenever it is called, so no state of random numbers is kept.
    """

    def apply(z: Latent) -> Latent:
        maps = checkpoint(lambda *maps: f(Latent(maps)).maps, *z.maps, use_reentrant=False, preserve_rng_state=False)
        return Latent(tuple(maps))

    return apply
