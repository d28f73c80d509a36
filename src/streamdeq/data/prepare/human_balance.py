"""A man balancing, seen by four cameras: pose2sim's films, and OpenPose's points of its repository's history, smoothed.

Smoothing: points with a score up to 0.2 are dropped, then, twice, those more than 35 pixels from the median of 11
frames; gaps of up to 8 frames are bridged; a Butterworth filter of 6 Hz runs forwards and backwards, so that
it looks at frames to come.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.documents import Json, Schema
from streamdeq.data.prepare.catalogue import BALANCING
from streamdeq.data.prepare.sources import copied
from streamdeq.data.prepare.writing import mirrored, pairs_of, write_names, write_table
from streamdeq.errors import StreamdeqError

CAMERAS, FRAMES, FPS = ("cam01", "cam02", "cam03", "cam04"), 100, 60
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle", "neck", "head_top", "left_big_toe", "left_small_toe", "left_heel",
    "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
SKELETON = pairs_of(
    "left_shoulder-right_shoulder left_shoulder-left_elbow left_elbow-left_wrist right_shoulder-right_elbow "
    "right_elbow-right_wrist left_shoulder-left_hip right_shoulder-right_hip left_hip-right_hip left_hip-left_knee "
    "left_knee-left_ankle right_hip-right_knee right_knee-right_ankle neck-head_top left_ankle-left_heel "
    "right_ankle-right_heel left_ankle-left_big_toe right_ankle-right_big_toe"
)
_LEAST_SCORE, _FARTHEST_PX, _MEDIAN_OF, _LONGEST_GAP, _CUT_HZ = 0.2, 35.0, 11, 8, 6.0
#: A point that is seen in fewer frames is dropped altogether.
_LEAST_SEEN = 50


class _Person(Schema):
    pose_keypoints_2d: list[float]


class _Frame(Schema):
    people: list[_Person]


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    films, poses = sources
    copied(films, tuple(f"Pose2Sim/Demo_SinglePerson/videos/{name}.mp4" for name in CAMERAS), out / "videos")
    write_names(
        out, NAMES, SKELETON, mirrored(NAMES, "left", "right"), "OpenPose BODY_25B output (model-made)", video_fps=FPS
    )
    raw = {camera: _read(poses / BALANCING / f"{camera}_json", camera) for camera in CAMERAS}
    smooth = {camera: raw[camera].copy() for camera in CAMERAS}
    for points in smooth.values():
        for joint in range(len(NAMES)):
            points[:, joint, :2] = smoothed(points[:, joint])
    write_table(out / "labels.csv", _rows(raw))
    write_table(out / "labels_smooth.csv", _rows(smooth))


def _read(folder: Path, camera: str) -> np.ndarray:
    """(frames, points, 3): x and y, as they are written, and the score, of the largest person; NaN where unseen."""
    points = np.empty((FRAMES, len(NAMES), 3))
    for t in range(FRAMES):
        people = Json(folder / f"{camera}.{t:04}.json").read(_Frame).people
        found = [np.reshape(person.pose_keypoints_2d, (len(NAMES), 3)) for person in people]
        points[t] = max(found, key=lambda one: np.ptp(one[one[:, 2] > 0, :2], axis=0).prod())
        points[t, points[t, :, 2] <= 0] = np.nan
    points[..., :2] = np.vectorize(lambda value: float(f"{value:.2f}"))(points[..., :2])
    return points


def smoothed(track: np.ndarray) -> np.ndarray:
    """(T, 2) of a (T, 3) track of x, y, score; NaN where nothing is known."""
    try:
        from scipy.signal import butter, filtfilt
    except ImportError as error:
        raise StreamdeqError("human-balance is made with scipy: pip install 'streamdeq[pose]'") from error
    result = np.full((len(track), 2), np.nan)
    kept = np.flatnonzero(np.nan_to_num(track[:, 2]) > _LEAST_SCORE)
    if len(kept) < _LEAST_SEEN:
        return result
    known = np.full((len(track), 2), np.nan)
    known[kept] = track[kept, :2]
    for _ in range(2):  # what was far away drew the medians beside it
        far = np.hypot(*(known - _medians(known)).T) > _FARTHEST_PX
        known[far] = np.nan
    kept, times = np.flatnonzero(~np.isnan(known[:, 0])), np.arange(len(track))
    bridged = np.stack([np.interp(times, kept, known[kept, axis]) for axis in (0, 1)], axis=1)
    coefficients: Any = butter(2, _CUT_HZ / (FPS / 2))
    whole = filtfilt(coefficients[0], coefficients[1], bridged, axis=0)
    for run in np.split(kept, np.flatnonzero(np.diff(kept) > _LONGEST_GAP + 1) + 1):
        result[run[0] : run[-1] + 1] = whole[run[0] : run[-1] + 1]
    return result


def _medians(known: np.ndarray) -> np.ndarray:
    """(T, 2) of what is known in the frames around each; NaN where nothing is."""
    half = _MEDIAN_OF // 2
    around = [known[max(0, t - half) : t + half + 1] for t in range(len(known))]
    around = [one[~np.isnan(one[:, 0])] for one in around]
    return np.array([np.median(one, axis=0) if len(one) else (np.nan, np.nan) for one in around])


def _rows(tracks: dict[str, np.ndarray]) -> Iterator[Sequence[object]]:
    for camera, points in tracks.items():
        for t, frame in enumerate(points):
            for name, (x, y, score) in zip(NAMES, frame, strict=True):
                at = ("", "", 0) if np.isnan(x) else (f"{x:.2f}", f"{y:.2f}", 1)
                yield (f"videos/{camera}.mp4", camera, t, 0, name, *at, "" if np.isnan(score) else f"{score:.3f}", "")
