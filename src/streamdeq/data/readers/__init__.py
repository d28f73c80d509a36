"""The formats of the program itself: each module registers the one that it reads."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

ORDER = (
    "imagenet-vid", "cityscapes", "own-pictures", "camvid", "mpii", "coco-boxes", "coco-pose", "coco-masks",
    "yolo-points", "yolo", "yolo-masks", "cvat-points", "cvat-boxes", "cvat-masks", "label-studio-points",
    "label-studio-boxes", "label-studio-masks", "mot", "pose-table", "deeplabcut", "labelme-points", "labelme-boxes",
    "labelme-masks", "roboflow-masks", "voc", "class-folders",
)  # fmt: skip
"""Who is asked before whom: some folders look like two formats. The last takes any folder of folders of pictures."""
