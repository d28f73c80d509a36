"""Leeds Sports Pose Extended: crops around people of whom all 14 joints are marked visible; stills.

1,600 of these pictures, evenly over the set's order, less those with a joint outside or a person under 60 pixels; a
square around the joints, 1.4 times their larger extent, as 160x160, its edges repeated where it leaves the picture. The
split is ours; officially the whole set is for training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from streamdeq.data.prepare.writing import mirrored, pairs_of, write_jpeg, write_names, write_table
from streamdeq.errors import StreamdeqError

NAMES = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
    "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip
SKELETON = pairs_of(
    "right_ankle-right_knee right_knee-right_hip left_hip-left_knee left_knee-left_ankle "
    "right_wrist-right_elbow right_elbow-right_shoulder left_shoulder-left_elbow left_elbow-left_wrist "
    "right_shoulder-neck left_shoulder-neck neck-head_top right_hip-right_shoulder left_hip-left_shoulder "
    "right_hip-left_hip"
)
SIDE = 160
_PICKED, _MARGIN, _LEAST_PX = 1600, 1.4, 60
#: Numbers of the pictures held out.
VAL = frozenset((
    6, 61, 142, 171, 252, 302, 307, 349, 357, 375, 412, 446, 519, 535, 540, 556, 561, 569, 650, 794, 807, 857,
    862, 904, 951, 967, 985, 1001, 1069, 1124, 1129, 1213, 1239, 1328, 1336, 1344, 1362, 1391, 1417, 1451,
    1459, 1472, 1548, 1603, 1632, 1658, 1687, 1700, 1721, 1739, 1747, 1781, 1815, 1844, 1849, 1959, 2001,
    2014, 2027, 2048, 2069, 2077, 2098, 2111, 2153, 2208, 2213, 2221, 2247, 2255, 2276, 2315, 2349, 2438,
    2459, 2467, 2480, 2514, 2543, 2548, 2556, 2569, 2577, 2679, 2692, 2713, 2797, 2941, 3035, 3090, 3103,
    3145, 3234, 3268, 3331, 3488, 3535, 3708, 3818, 3831, 3873, 3878, 3933, 3967, 3975, 4001, 4009, 4051,
    4119, 4179, 4187, 4195, 4221, 4289, 4352, 4475, 4606, 4632, 4792, 4818, 4831, 4886, 4907, 4954, 4962,
    4988, 5004, 5030, 5072, 5148, 5166, 5195, 5271, 5347, 5360, 5491, 5504, 5551, 5580, 5614, 5674, 5716,
    5737, 5763, 5813, 5826, 5860, 5996, 6051, 6148, 6190, 6229, 6284, 6360, 6389, 6462, 6517, 6669, 6695,
    6737, 6763, 6771, 6818, 6847, 6873, 6957, 7012, 7080, 7195, 7229, 7250, 7266, 7284, 7368, 7381, 7410,
    7415, 7444, 7499, 7504, 7517, 7538, 7588, 7614, 7643, 7690, 7758, 7771, 7792, 7910, 7986, 7991, 7999,
    8046, 8059, 8203, 8245, 8300, 8415, 8431, 8465, 8470, 8478, 8486, 8520, 8593, 8724, 8779, 8792, 8808,
    8829, 8855, 9012, 9046, 9067, 9114, 9130, 9135, 9164, 9224, 9266, 9368, 9423, 9439, 9457, 9512, 9541,
    9580, 9588, 9617, 9656, 9690, 9813, 9876, 9889, 9978, 9999,
))  # fmt: skip


@dataclass(frozen=True)
class Crop:
    """`number` of a picture, from 1; joints (14, 2) in its pixels."""

    number: int
    joints: np.ndarray

    @property
    def extent(self) -> np.ndarray:
        return np.ptp(self.joints, axis=0)

    @property
    def scale(self) -> float:
        return SIDE / (_MARGIN * float(self.extent.max()))

    @property
    def corner(self) -> np.ndarray:
        """Left and top, in the picture's pixels."""
        return (self.joints.min(0) + self.joints.max(0)) / 2 - SIDE / self.scale / 2


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    rows: list[Sequence[object]] = []
    for number, joints in _picked(root / "joints.mat"):
        with Image.open(root / "images" / f"im{number:05}.jpg") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        crop = Crop(number, joints)
        if joints.min() < 0 or (joints.max(0) > pixels.shape[1::-1]).any() or crop.extent.max() < _LEAST_PX:
            continue
        write_jpeg(_cropped(pixels, crop), out / "frames" / f"im{number:05}.jpg", 85, 2)
        rows += _rows(crop)
    write_names(
        out, NAMES, SKELETON, mirrored(NAMES, "right", "left"), "human (Amazon Mechanical Turk)", crop_side=SIDE
    )
    write_table(out / "labels.csv", rows)


def _picked(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers and joints of the pictures that are tried."""
    joints = joints_of(path, "lspet-crops")
    whole = np.flatnonzero((joints[:, 2] == 1).all(axis=0))
    for index in whole[np.linspace(0, len(whole) - 1, min(_PICKED, len(whole))).round().astype(int)]:
        yield int(index) + 1, joints[:, :2, index]


def joints_of(path: Path, name: str) -> np.ndarray:
    """(14, 3, pictures): x, y, visible; of the set `name`."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise StreamdeqError(f"{name} is made with scipy: pip install 'streamdeq[pose]'") from error
    return loadmat(path)["joints"]


def _cropped(pixels: np.ndarray, crop: Crop) -> np.ndarray:
    try:
        import cv2
    except ImportError as error:
        raise StreamdeqError("lspet-crops is made with OpenCV: pip install 'streamdeq[pose]'") from error
    scale, (left, top) = crop.scale, crop.corner
    moved = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return cv2.warpAffine(pixels, moved, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _rows(crop: Crop) -> Iterator[Sequence[object]]:
    split = "val" if crop.number in VAL else "train"
    for name, (x, y) in zip(NAMES, (crop.joints - crop.corner) * crop.scale, strict=True):
        yield (f"frames/im{crop.number:05}.jpg", "", "", 0, name, f"{x:.2f}", f"{y:.2f}", 1, "", split)
