"""The recipes of MDEQ's and StreamDEQ's authors, figure by figure.

From locuslab/deq, MDEQ-Vision/experiments (what a run reads there is named in capitals), the StreamDEQ paper, and its
authors' mmdet configuration. What differs here: pictures are scaled with antialiasing, and the frame of a crop that is
larger than the picture is the mean colour instead of black. In detection torchvision's smooth L1 stands for L1, and
pictures are padded to one size for all, so that of an upright frame the lower part is cut off in training.
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
#: Steps per epoch: 2975 pictures in batches of 12, the rest is dropped.
_CITYSCAPES_EPOCH = 2975 // 12
#: 1,281,167 pictures in batches of 128, the last one smaller. (At a batch of 256 all 100 epochs would be fewer steps
#: than the warm-up has; the release's 4 GPUs × 32 are 128.)
_IMAGENET_EPOCH = -(-1_281_167 // 128)
#: Persons of MPII's training split in batches of 256.
_MPII_EPOCH = 22_246 // 256
#: One of 15 frames of VID's training films, and the pictures of DET that show one of the 30 classes, in batches of 4.
_VID_EPOCH = -(-(57_834 + 53_639) // 4)


def _unrolled(recipe: Recipe, name: str) -> tuple[Recipe, Recipe]:
    """The paper's UR and SUR: otherwise as IL, but from the weights of `imagenet-xl` (--init FILE), without warm-up."""
    ur = derive(recipe, f"{name}-ur", unroll=Fixed(20), implicit=None, pretrain=Pretrain(steps=0))
    return ur, derive(ur, f"{name}-sur", unroll=Uniform(1, 20))


#: IL on Cityscapes. A scale is one of 17 of the long side of 2048; all pictures are 2:1, so of the short side of 1024.
_CITYSCAPES_XL = Recipe(
    name="cityscapes-xl",
    architecture=replace(PRESETS["xl"], dropout=0.04),
    size=1024,
    crop_hw=(768, 1024),
    batch=12,
    steps=480 * _CITYSCAPES_EPOCH,  # 500 epochs in the release
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
CITYSCAPES_XL = derive(_CITYSCAPES_XL, "cityscapes-xl")
CITYSCAPES_XL_UR, CITYSCAPES_XL_SUR = _unrolled(CITYSCAPES_XL, "cityscapes-xl")
CITYSCAPES_LARGE = derive(
    CITYSCAPES_XL,
    "cityscapes-large",
    architecture=replace(PRESETS["large"], dropout=0.03),
    crop_hw=(512, 1024),
    steps=500 * _CITYSCAPES_EPOCH,
    pretrain=Pretrain(steps=60_000, stacked=3),
)
CITYSCAPES_SMALL = derive(
    CITYSCAPES_LARGE,
    "cityscapes-small",
    architecture=replace(PRESETS["small"], dropout=0.05),
    optimizer=replace(_SGD, weight_decay=2e-4),
)

#: IL on ImageNet. The crop is of 8 to 100 % of the area; validation here is of whole pictures, their shorter side 256,
#: where theirs is of the 224² in the middle.
IMAGENET_XL = derive(
    CITYSCAPES_XL,
    "imagenet-xl",
    task="classification",
    architecture=replace(PRESETS["xl"], post_affine=False),  # the release's file has expansion 5; its weights have 6
    size=256,
    crop_hw=(224, 224),
    batch=128,
    steps=100 * _IMAGENET_EPOCH,
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

#: The paper's pose estimation, IL, with Simple Baselines' head and schedule (Xiao et al. 2018). The paper gives no
#: penalty, weight decay or warm-up for it: none, and ImageNet's share of stacked steps.
MPII_XL = derive(
    IMAGENET_XL,
    "mpii-xl",
    task="pose",
    architecture=PRESETS["xl"],
    head=PoseSettings(design="simple", width=256, sigma=2.0, decoding="quarter"),
    crop_hw=(256, 256),
    batch=256,
    steps=210 * _MPII_EPOCH,
    implicit=IL("broyden", backward=20),
    pretrain=Pretrain(steps=210 * _MPII_EPOCH // 3, stacked=3),
    optimizer=Optimizer("adamw", lr=1e-4, momentum=0.9, weight_decay=0.0, clip_norm=None),
    schedule=Stepwise((170 * _MPII_EPOCH, 200 * _MPII_EPOCH), factor=0.1, warmup=0),
    augment=Augment(scale_range=(0.67, 2.0), rotation=40.0, flip=0.5, jitter=_PLAIN),
)
MPII_XL_UR, MPII_XL_SUR = _unrolled(MPII_XL, "mpii-xl")

#: The paper's detector, IL. Begin with the weights of `imagenet-xl` (--init FILE), whose BatchNorm statistics are kept:
#: 4 pictures are few.
IMAGENET_VID_XL = derive(
    IMAGENET_XL,
    "imagenet-vid-xl",
    task="detection",
    head=DetectorSettings(),
    size=600,
    longest=1000,  # a 16:9 frame is 562 high
    crop_hw=(608, 1024),
    batch=4,
    steps=7 * _VID_EPOCH,
    implicit=IL("broyden", backward=26),
    pretrain=Pretrain(),
    penalty=Penalty(weight=5.0, increase=0.1, every=50_000, probability=0.1),
    optimizer=replace(_SGD, weight_decay=1e-4, clip_norm=35.0),
    schedule=Stepwise((2 * _VID_EPOCH, 5 * _VID_EPOCH), warmup=500, begin=1 / 3),
    augment=Augment(scale_range=(1.0, 1.0), flip=0.5, jitter=_PLAIN),
    freeze_batchnorm=True,
)
