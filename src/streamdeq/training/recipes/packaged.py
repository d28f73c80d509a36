"""The recipes of the packaged models and of what they are compared with; every figure beside the name it belongs to.

Siblings: -sur, stochastically unrolled from zeros; -ur, unrolled a fixed number of times; -il, implicit; -wsu, for
streaming; -tune, fine-tuned (`--init`) for one step a frame.
"""

from dataclasses import replace
from typing import Any

from streamdeq.models.architecture import Architecture
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.tasks.pose import PoseSettings
from streamdeq.training.recipe import IL, Augment, Fixed, Optimizer, Pretrain, Recipe, Streaming, Uniform
from streamdeq.training.recipes.named import derive
from streamdeq.training.schedules import Cosine


def _unrolled(recipe: Recipe, name: str, **changes: Any) -> Recipe:
    return derive(recipe, name, streaming=None, unroll=Fixed(20), **changes)


def _implicit(recipe: Recipe, name: str, steps: int) -> Recipe:
    """Half the published 27 and 30 iterations, enough for this cell, and the share of the steps that Cityscapes'
    warm-up takes (40,000 of 119,000). An untrained cell has no fixed point to differentiate at."""
    il, warm_up = IL("broyden", backward=14), Pretrain(steps // 3, stacked=3)
    changes = {"steps": steps, "streaming": None, "unroll": Fixed(14), "grad_last": None}
    return derive(recipe, name, **changes, implicit=il, pretrain=warm_up)


def _tuned(recipe: Recipe, name: str, steps: int, distil: float) -> Recipe:
    """By self-distillation."""
    slower = replace(recipe.optimizer, lr=4e-4)
    streaming = Streaming(warm=0.7, cut=0.15, after=Uniform(1, 2), distil=distil, settle=6)
    return derive(recipe, name, steps=steps, optimizer=slower, streaming=streaming)


#: On CamVid's 367 training frames at 192×256. The four variants that are compared have the same number of steps, a
#: quarter of an hour or more of one CPU core.
_CAMVID_S_SUR = Recipe(
    name="camvid-s-sur",
    architecture=Architecture((32, 64, 128, 256), groups=4, expansion=2, cell="lite", injected=4),
    size=192,
    crop_hw=(192, 256),
    batch=8,
    steps=1500,
    unroll=Uniform(1, 14),  # the paper draws from 1…20; more than 14 from zeros change nothing here and cost a fifth
    grad_last=4,
    optimizer=Optimizer("adamw", lr=2e-3, weight_decay=1e-2, clip_norm=1.0),
    schedule=Cosine(warmup=100),
)
CAMVID_S_SUR = derive(_CAMVID_S_SUR, "camvid-s-sur")
CAMVID_S_UR = _unrolled(CAMVID_S_SUR, "camvid-s-ur")
CAMVID_S_IL = _implicit(CAMVID_S_SUR, "camvid-s-il", steps=1500)
#: docs/streaming-training.md
CAMVID_S_WSU = derive(CAMVID_S_SUR, "camvid-s-wsu", streaming=Streaming(warm=0.5, cut=0.1))

#: The packaged model: as the last one, for longer. What is packaged is the mean (tools/mean_weights.py) of its weights
#: and of what the next recipe makes of them (--init): alone that closes the gap to the converged answer by making that
#: worse; the mean with what it began with does not.
CAMVID_S = derive(CAMVID_S_WSU, "camvid-s", steps=5000)
CAMVID_S_TUNE = _tuned(CAMVID_S, "camvid-s-tune", steps=800, distil=2.0)

#: MDEQ's cell, SUR, about an hour of one CPU core.
CAMVID_S_PUBLISHED = derive(
    CAMVID_S_SUR,
    "camvid-s-published",
    architecture=Architecture((16, 32, 64, 128), groups=4, expansion=4),
    steps=4000,
)

#: A small model of the rendered street, free of anybody's data: for pictures in the docs and for trying things out.
STREET_S = derive(
    CAMVID_S_SUR,
    "street-s",
    architecture=Architecture((8, 16, 32, 64), groups=4, expansion=4),
    size=160,
    crop_hw=(160, 224),
    steps=1200,
)

#: The depth of the rendered street. (--data synthetic:labels=depth,clips=48,frames=6)
STREET_DEPTH_S = derive(
    CAMVID_S_WSU,
    "street-depth-s",
    task="depth",
    architecture=replace(CAMVID_S_SUR.architecture, channels=(16, 32, 64, 128)),
    size=96,
    crop_hw=(96, 128),
    batch=4,
    steps=800,
    augment=Augment(scale_range=(1.0, 1.25)),
)

#: A head for pictures of a quarter of the published size: a quarter of its width, anchors half as large and as tall as
#: people stand, and as many samples as there are objects for.
SMALL_DETECTOR = DetectorSettings(
    channels=64,
    hidden=256,
    anchor_scales=(4.0, 5.66),
    anchor_ratios=(2.75,),
    finest=28.0,
    candidates=300,
    train_candidates=500,
    proposals=150,
    train_proposals=300,
    anchor_samples=128,
    region_samples=64,
    box_beta=1 / 9,
)

#: People, on three films of mot15-mini: trained on still frames, for streaming. The siblings have a sixth of the
#: steps: each of them costs three times as much.
PERSON_S = derive(
    CAMVID_S_WSU,
    "person-s",
    task="detection",
    head=SMALL_DETECTOR,
    size=256,
    crop_hw=(256, 352),
    batch=4,
    steps=6000,
    augment=Augment(scale_range=(0.75, 1.5)),
)
PERSON_S_UR = _unrolled(PERSON_S, "person-s-ur", steps=1000)
PERSON_S_IL = _implicit(PERSON_S, "person-s-il", steps=1000)

#: Cars and people of the rendered street, free of anybody's data. (--data synthetic:labels=boxes,clips=40,…)
STREET_BOXES_S = derive(
    PERSON_S,
    "street-boxes-s",
    architecture=STREET_S.architecture,
    head=replace(SMALL_DETECTOR, anchor_ratios=(0.75, 2.75)),
    size=192,
    crop_hw=(192, 256),
    steps=1200,
)

#: Cars, pedestrians and bicyclists from a moving car: boxes made from CamVid's masks (camvid-boxes), from the packaged
#: camvid-s (--init camvid-s), whose network and pictures these are.
DRIVING_S = derive(PERSON_S, "driving-s", head=replace(SMALL_DETECTOR, anchor_ratios=(0.9, 3.2)), steps=3000)

#: Honey bees, 32 points on each (bee-pose): trained on 191 labelled frames, for streaming. Packaged as camvid-s is. IL
#: has 0.3 of the steps: each of them costs eight times as much.
BEE_S = derive(
    CAMVID_S_WSU,
    "bee-s",
    task="pose",
    architecture=replace(CAMVID_S_SUR.architecture, channels=(32, 64, 96, 128)),
    head=PoseSettings(design="fused", width=64, sigma=1.5),
    size=128,
    crop_hw=(128, 128),
    batch=8,
    steps=4000,
    augment=Augment(scale_range=(0.67, 1.5), rotation=180.0),
)
BEE_S_TUNE = _tuned(BEE_S, "bee-s-tune", steps=640, distil=5e-3)  # the loss is near 1e-3
BEE_S_UR = _unrolled(BEE_S, "bee-s-ur")
BEE_S_IL = _implicit(BEE_S, "bee-s-il", steps=1200)

#: Mice, 17 points on each, seen from below and in two mirrors (mirror-mouse): all of its 90 labelled frames.
MOUSE_S = derive(
    BEE_S, "mouse-s", split="all", steps=6000, augment=Augment(scale_range=(0.8, 1.25), flip=0.0, rotation=15.0)
)

#: People, 14 points on each: the stills of lspet-crops, from the packaged camvid-s (--init camvid-s). They take any
#: pose, so it has camvid-s's wider coarse scales, and many steps: after 3,000 training pictures scored like new ones.
HUMAN_S = derive(
    BEE_S,
    "human-s",
    architecture=CAMVID_S_SUR.architecture,
    steps=14000,
    augment=Augment(scale_range=(0.67, 1.5), rotation=40.0),
)

#: The walkers of the rendered street, free of anybody's data. The tuned one is packaged as it is: here the mean is
#: worse. (--data synthetic:labels=keypoints,size=192x256,clips=40,…)
WALKERS_S = derive(BEE_S, "walkers-s", steps=2000, size=96, crop_hw=(96, 96), augment=HUMAN_S.augment)
WALKERS_S_TUNE = _tuned(WALKERS_S, "walkers-s-tune", steps=640, distil=5e-3)

#: Seconds on one core: for tests and for a first look at the program.
SYNTHETIC_TINY = derive(
    CAMVID_S_SUR,
    "synthetic-tiny",
    architecture=Architecture((8, 16), groups=4, expansion=2),
    size=32,
    crop_hw=(32, 48),
    batch=4,
    steps=60,
    unroll=Uniform(1, 6),
    grad_last=3,
    optimizer=Optimizer("adamw", lr=5e-3, weight_decay=1e-2),
    schedule=Cosine(warmup=5),
    augment=Augment(scale_range=(0.75, 1.5)),
    precision="fp32",
)
SYNTHETIC_TINY_UR = derive(SYNTHETIC_TINY, "synthetic-tiny-ur", unroll=Fixed(6))
SYNTHETIC_TINY_IL = derive(
    SYNTHETIC_TINY,
    "synthetic-tiny-il",
    unroll=Fixed(8),
    grad_last=None,
    implicit=IL("broyden", backward=8),
    pretrain=Pretrain(steps=15, stacked=3),
)
