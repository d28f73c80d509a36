"""The recipe of the paper's detector on ImageNet-VID, figure by figure. Knows only values.

From the StreamDEQ authors' mmdet configuration. What differs here: torchvision's smooth L1 stands for L1, and
pictures are padded to one size for all, so that of an upright frame the lower part is cut off in training.
"""

from dataclasses import replace

from streamdeq.data.augment.colour import Jitter
from streamdeq.models.architecture import PRESETS
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.training.recipe import IL, Augment, Fixed, Optimizer, Penalty, Recipe
from streamdeq.training.schedules import Stepwise

#: One of 15 frames of VID's training films, and the pictures of DET that show one of the 30 classes, in batches of 4.
_EPOCH = -(-(57_834 + 53_639) // 4)

#: IL. Begin with the weights of `imagenet-xl` (--init FILE), whose BatchNorm statistics are kept: 4 pictures are few.
IMAGENET_VID_XL = Recipe(
    name="imagenet-vid-xl",
    architecture=replace(PRESETS["xl"], post_affine=False),
    task="detection",
    head=DetectorSettings(),
    size=600,
    longest=1000,  # a 16:9 frame is 562 high
    crop_hw=(608, 1024),
    batch=4,
    steps=7 * _EPOCH,
    unroll=Fixed(26),
    grad_last=None,
    implicit=IL("broyden", backward=26),
    penalty=Penalty(weight=5.0, increase=0.1, every=50_000, probability=0.1),
    optimizer=Optimizer("sgd", lr=0.01, momentum=0.9, weight_decay=1e-4, clip_norm=35.0, decay_all=True),
    schedule=Stepwise((2 * _EPOCH, 5 * _EPOCH), warmup=500, begin=1 / 3),
    augment=Augment(scale_range=(1.0, 1.0), flip=0.5, jitter=Jitter(0.0, 0.0, 0.0, 0.0)),
    freeze_batchnorm=True,
    precision="fp32",
)
