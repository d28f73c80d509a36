"""The recipes of MDEQ's and StreamDEQ's authors; docs/paper.md has every figure with its place.

Where the paper says nothing its authors' release decides (mmdet's configuration for detection), then what they built
on: locuslab/deq (MDEQ-Vision/experiments; what a run reads there is named in capitals) and mmpose's Simple Baseline.

Three ways of training a task, named as in the paper: -il by Broyden and the implicit gradient, -ur with 20 unrollings,
-sur with 1 to 20.
"""

from dataclasses import replace

from streamdeq.data.augment.colour import Jitter
from streamdeq.models.architecture import PRESETS
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.tasks.pose import PoseSettings
from streamdeq.training.recipe import IL, Augment, Fixed, Optimizer, Penalty, Pretrain, Recipe, Uniform
from streamdeq.training.recipes.named import derive
from streamdeq.training.schedules import Cosine, Stepwise

_PLAIN = Jitter(0.0, 0.0, 0.0, 0.0)
_SGD = Optimizer("sgd", lr=0.01, momentum=0.9, weight_decay=3e-4, clip_norm=None, decay_all=True)
#: Steps per epoch of 2975 pictures: on 8 GPUs × 2, the smaller nets on 4 × 3; the rest is dropped.
_CITYSCAPES_EPOCH, _CITYSCAPES_SMALL_EPOCH = 2975 // 16, 2975 // 12
#: 1,281,167 pictures in batches of 128, the last one smaller. (At a batch of 256 all 100 epochs would be fewer steps
#: than the warm-up has; the release's 4 GPUs × 32 are 128.)
_IMAGENET_EPOCH = -(-1_281_167 // 128)
#: Persons of MPII's training split in batches of 256.
_MPII_EPOCH = 22_246 // 256
#: 15 frames of each of VID's training films, and the pictures of DET that show one of the 30 classes, in batches of 4.
_VID_EPOCH = -(-(57_834 + 53_639) // 4)


def _three(il: Recipe) -> tuple[Recipe, Recipe, Recipe]:
    """The paper's three ways of training. What is unrolled has no warm-up."""
    ur = derive(il, f"{il.name}-ur", unroll=Fixed(20), implicit=None, pretrain=Pretrain(), checkpoint=True)
    return derive(il, f"{il.name}-il"), ur, derive(ur, f"{il.name}-sur", unroll=Uniform(1, 20))


#: A scale is one of 17 of the long side of 2048; all pictures are 2:1, so of the short side of 1024.
_CITYSCAPES_XL = Recipe(
    name="cityscapes-xl",
    architecture=replace(PRESETS["xl"], dropout=0.04),
    size=1024,
    crop_hw=(768, 1024),
    batch=16,
    steps=480 * _CITYSCAPES_EPOCH,  # 500 epochs in the release
    init="imagenet-xl",
    unroll=Fixed(27),
    grad_last=None,
    implicit=IL("broyden", backward=30),
    pretrain=Pretrain(steps=40_000, stacked=3),
    optimizer=_SGD,
    schedule=Cosine(warmup=0, final=1e-6 / 0.01),
    augment=Augment(scale_range=(0.5, 2.1), scale_step=0.1, flip=0.5, jitter=_PLAIN),
    class_weights="cityscapes",
    precision="fp32",
)
CITYSCAPES_XL_IL, CITYSCAPES_XL_UR, CITYSCAPES_XL_SUR = _three(_CITYSCAPES_XL)
CITYSCAPES_LARGE = derive(
    _CITYSCAPES_XL,
    "cityscapes-large",
    architecture=replace(PRESETS["large"], dropout=0.03),
    crop_hw=(512, 1024),
    batch=12,
    steps=500 * _CITYSCAPES_SMALL_EPOCH,
    init=None,
    pretrain=Pretrain(steps=60_000, stacked=3),
)
CITYSCAPES_SMALL = derive(
    CITYSCAPES_LARGE,
    "cityscapes-small",
    architecture=replace(PRESETS["small"], dropout=0.05),
    init="imagenet-small",
    optimizer=replace(_SGD, weight_decay=2e-4),
)

#: IL on ImageNet. The crop is of 8 to 100 % of the area; validation here is of whole pictures, their shorter side 256,
#: where theirs is of the 224² in the middle.
IMAGENET_XL = derive(
    _CITYSCAPES_XL,
    "imagenet-xl",
    task="classification",
    architecture=replace(PRESETS["xl"], post_affine=False),  # the release's file has expansion 5; its weights have 6
    size=256,
    crop_hw=(224, 224),
    batch=128,
    steps=100 * _IMAGENET_EPOCH,
    init=None,
    unroll=Fixed(26),
    implicit=IL("broyden", backward=27),
    pretrain=Pretrain(steps=510_000, stacked=4),
    optimizer=replace(_SGD, lr=0.05, weight_decay=1e-4, nesterov=True),
    schedule=Cosine(warmup=0, final=1e-6 / 0.05),
    augment=Augment(area_range=(0.08, 1.0), flip=0.5, jitter=_PLAIN),
    class_weights="none",
)
IMAGENET_LARGE = derive(IMAGENET_XL, "imagenet-large", architecture=PRESETS["large"])
IMAGENET_SMALL = derive(
    IMAGENET_LARGE,
    "imagenet-small",
    architecture=PRESETS["small"],
    pretrain=Pretrain(steps=510_000, stacked=5),
    optimizer=replace(IMAGENET_XL.optimizer, weight_decay=5e-5),
)
#: The regularised Small: half the iterations. (Its head is wider there: 28/56/112/224. There 14 becomes 12…15 in
#: the steps with the penalty alone; the paper says 14 ± 2.)
IMAGENET_SMALL_REG = derive(
    IMAGENET_SMALL,
    "imagenet-small-reg",
    architecture=replace(PRESETS["small"], dropout=0.02, post_affine=False),
    unroll=Uniform(12, 16),
    implicit=IL("broyden", backward=14),
    penalty=Penalty(weight=2.5, increase=0.1, every=50_000, probability=0.08, pretrain=0.03, vectors=2),
    optimizer=replace(IMAGENET_SMALL.optimizer, lr=0.04, weight_decay=2e-5),
    schedule=Cosine(warmup=0, final=1e-6 / 0.04),
)

#: The paper's learning rate, batch and epochs; the rest is mmpose's Simple Baseline (rate warm-up, augmentation, no
#: weight decay) and, of IL, the authors' detector's 26 backward iterations.
MPII_XL_IL, MPII_XL_UR, MPII_XL_SUR = _three(
    replace(
        IMAGENET_XL,
        name="mpii-xl",
        task="pose",
        architecture=PRESETS["xl"],
        head=PoseSettings(design="simple", width=256, sigma=2.0, decoding="quarter"),
        crop_hw=(256, 256),
        batch=256,
        steps=210 * _MPII_EPOCH,
        init="imagenet-xl",
        implicit=IL("broyden", backward=26),
        pretrain=Pretrain(),
        optimizer=Optimizer("adamw", lr=1e-4, momentum=0.9, weight_decay=0.0, clip_norm=None),
        schedule=Stepwise((170 * _MPII_EPOCH, 200 * _MPII_EPOCH), factor=0.1, warmup=500, begin=0.001),
        augment=Augment(scale_deviation=0.5, rotation_deviation=40.0, flip=0.5, jitter=_PLAIN),
    )
)

#: The paper's detector. Every GPU of the release's four has a picture of its own size: `--accumulate 4` on one. The
#: penalty's weight rises every 50,000 pictures there.
IMAGENET_VID_XL_IL, IMAGENET_VID_XL_UR, IMAGENET_VID_XL_SUR = _three(
    replace(
        IMAGENET_XL,
        name="imagenet-vid-xl",
        task="detection",
        head=DetectorSettings(),
        size=600,
        longest=1000,  # a 16:9 frame is 562 high
        crop_hw=None,
        batch=4,
        steps=7 * _VID_EPOCH,
        init="imagenet-xl",
        implicit=IL("broyden", backward=26),
        pretrain=Pretrain(),
        penalty=Penalty(weight=5.0, increase=0.1, every=12_500, probability=0.1, pretrain=0.03),
        optimizer=replace(_SGD, weight_decay=1e-4, clip_norm=35.0),
        schedule=Stepwise((2 * _VID_EPOCH, 5 * _VID_EPOCH), warmup=500, begin=1 / 3),
        augment=Augment(scale_range=(1.0, 1.0), flip=0.5, jitter=_PLAIN),
    )
)
