"""Ids over time by ByteTrack, of the package trackers."""

import warnings
from dataclasses import replace

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.drawing import supervision
from streamdeq.values import UNKNOWN


class Tracker:
    """Gives the objects of a video's frames, in order, ids from 1 on; -1 until an object was seen in two frames.

    It should be given unsure detections too (from a score of about 0.1 on): they carry on what is known, and begin
    nothing. Objects of different classes are never one.

    Args:
        begin: the least score that begins a new object.

    Raises:
        StreamdeqError: trackers is not installed.
    """

    def __init__(self, begin: float) -> None:
        try:
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise StreamdeqError(
                "--track needs the package trackers, which is not installed: pip install 'streamdeq[track]'"
            ) from error
        self._make = lambda: ByteTrackTracker(track_activation_threshold=begin, high_conf_det_threshold=begin)
        self._of_class: dict[int, ByteTrackTracker] = {}
        self._ids: dict[tuple[int, int], int] = {}
        self._time_s = -np.inf

    def __call__(self, result: Detections) -> Detections:
        if result.status.time_s < self._time_s:  # another video, or its beginning again
            self._of_class.clear()
            self._ids.clear()
        same, self._time_s = result.status.time_s == self._time_s, result.status.time_s
        ids = np.full(len(result), UNKNOWN, np.int64)
        for label in sorted({*self._of_class, *result.labels.tolist()}):
            places = np.flatnonzero(result.labels == label)
            tracker = self._of_class.setdefault(label, self._make())
            sv = supervision("boxes", "track")
            given = sv.Detections(
                xyxy=result.boxes_xyxy[places], confidence=result.scores[places], data={"place": places}
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about times that are equal, where a source has none
                found = tracker.update(given, timestamp=None if same else self._time_s)
            for place, own in zip(found.data.get("place", ()), found.tracker_id, strict=True):  # type: ignore[arg-type]
                if own != UNKNOWN:
                    ids[place] = self._ids.setdefault((label, int(own)), len(self._ids) + 1)
        return replace(result, ids=ids)
