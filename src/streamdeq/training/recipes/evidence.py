"""The recipes of the experiment that the paper is about, at a size for two CPU cores; docs/evidence has what came out.

The paper's cell, fed at the highest scale alone, its four ways of training: -il (26 forward, 26 backward iterations of
Broyden), -ur (20 unrollings), -sur (1 to 20) and -wsu (docs/streaming-training.md). They share data, steps and
the weights they begin with, those of -init (`--init`): a shallow warm-up stands for the paper's ImageNet.
"""

from dataclasses import replace

from streamdeq.training.recipe import IL, Fixed, Recipe, Streaming, Uniform
from streamdeq.training.recipes.named import derive
from streamdeq.training.recipes.packaged import BEE_S, CAMVID_S_PUBLISHED, CAMVID_S_SUR, PERSON_S
from streamdeq.training.schedules import Cosine


def _four(base: Recipe, steps: int, begin: int = 500) -> None:
    """The common beginning of `begin` steps, `steps` for each of the four, all unrollings of them with a gradient."""
    plain = derive(
        base,
        f"{base.name}-init",
        steps=begin,
        unroll=Fixed(3),
        grad_last=None,
        streaming=None,
        schedule=Cosine(warmup=100),
        precision="fp32",
    )
    began = replace(plain, steps=steps, init=plain.name, precision="bf16", optimizer=replace(plain.optimizer, lr=1e-3))
    derive(began, f"{base.name}-il", unroll=Fixed(26), implicit=IL("broyden", backward=26))
    derive(began, f"{base.name}-ur", unroll=Fixed(20))
    sur = derive(began, f"{base.name}-sur", unroll=Uniform(1, 20))
    derive(sur, f"{base.name}-wsu", streaming=Streaming(warm=0.5, cut=0.1))


_SMALL = replace(CAMVID_S_PUBLISHED, size=144, crop_hw=(128, 192), batch=4)

_four(replace(_SMALL, name="camvid-paper"), steps=1000)
#: The other cell beside it, fed at every scale.
_four(
    replace(_SMALL, name="camvid-lite", architecture=replace(CAMVID_S_SUR.architecture, channels=(16, 32, 64, 128))),
    steps=1000,
)
_four(
    replace(PERSON_S, name="mot15-paper", architecture=_SMALL.architecture, size=144, crop_hw=(128, 192)),
    steps=500,
    begin=1500,
)
_four(replace(BEE_S, name="bee-paper", architecture=_SMALL.architecture, batch=4), steps=500, begin=1500)
