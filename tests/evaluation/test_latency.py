"""Latency: the slow part is the one that takes the time, and the start does not count."""

import time

import numpy as np
import pytest
import torch
from support.small_models import Answer, Contraction, StubModel, tiny_spec
from torch import Tensor

from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.latency import Latency, measure_latency, some_images
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status

PAUSE_S = 0.06  # well above what anything here takes on a busy machine
IMAGES = [np.zeros((16, 16, 3), np.uint8)] * 4


class Pausing(Contraction):
    """Takes a pause in one of its functions, and a long one in its very first call of any."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.first = True

    def pause(self, here: str) -> None:
        time.sleep(PAUSE_S * (10 if self.first else here == self.where))
        self.first = False

    def inject(self, pictures: Tensor, canvas_hw: tuple[int, int]) -> tuple[Tensor | None, ...]:
        self.pause("inject")
        return super().inject(pictures, canvas_hw)

    def step(self, z: Latent, injection: tuple[Tensor | None, ...]) -> Latent:
        self.pause("solve")
        return super().step(z, injection)

    def predict(self, z: Latent) -> Latent:
        self.pause("head")
        return super().predict(z)

    def decode(self, outputs: Latent, geometry: Geometry, status: Status) -> Answer:
        self.pause("decode")
        return Answer(outputs, geometry, status)


def pausing_model(where: str) -> StubModel:
    functions = Pausing(where)
    return StubModel(functions, tiny_spec(Architecture((8,), groups=2)), decode=functions.decode)


@pytest.mark.parametrize("where", ["inject", "solve", "head", "decode"])
def test_time_is_charged_to_the_part_that_took_it_and_the_warm_up_to_none(where: str):
    latency: Latency = measure_latency(pausing_model(where), IMAGES, 2, Settings(), warm_up=1)
    pause = 1000 * PAUSE_S * (2 if where == "solve" else 1)
    for part in ("inject", "solve", "head", "decode", "total"):
        percentiles = getattr(latency, part)
        assert (percentiles.p50 >= pause) == (part in (where, "total"))
        assert percentiles.p50 <= percentiles.p95 <= percentiles.p99
    assert latency.total.p99 < 1000 * PAUSE_S * 10
    assert (latency.iterations, latency.nfe, latency.frames) == (2, 2, 3)
    assert latency.threads == torch.get_num_threads()


def test_broydens_first_evaluation_counts_as_one_application_more():
    assert measure_latency(pausing_model("none"), IMAGES, 2, Settings(solver="broyden"), warm_up=0).nfe == 3


def test_fewer_frames_than_the_warm_up_are_refused():
    with pytest.raises(StreamdeqError, match="expected more than 5 frames to measure latency, got 4"):
        measure_latency(pausing_model("none"), IMAGES, 1, Settings())


@pytest.mark.parametrize(("spec", "different"), [("clips=2,frames=3", 3), ("clips=2,frames=1", 2)])
def test_pictures_come_from_the_longest_clip_or_from_all_single_pictures_as_often_as_needed(spec, different):
    pictures = some_images(open_dataset(f"synthetic:size=16x16,{spec}", "val"), frames=7)
    assert len(pictures) == 7
    assert len({picture.tobytes() for picture in pictures}) == different
    assert all(np.array_equal(pictures[n], pictures[n - different]) for n in range(different, 7))
