"""What a stream lets out of itself: its representation, and how far the last step moved it."""

import math

import numpy as np
import pytest
import torch
from support.small_models import Contraction, StubModel, engine_of, frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec, ReferenceSolve
from streamdeq.solvers import Broyden, Picard
from streamdeq.streaming.loop import run_frames

CLIP = frames(3)


def half_model(reference: ReferenceSolve = ReferenceSolve("picard", 12)) -> StubModel:  # noqa: B008 (frozen)
    spec = ModelSpec("half", "none", Architecture((8, 8), groups=2), (), (), size=32, reference=reference)
    return StubModel(Contraction(), spec)


def x_of(image: np.ndarray) -> list[torch.Tensor]:
    maps = Contraction().inject(torch.from_numpy(image).permute(2, 0, 1)[None], (image.shape[0], image.shape[1]))
    return [m for m in maps if m is not None]


def test_a_streams_latent_is_what_its_answer_was_read_from_per_scale_in_float32():
    with half_model().stream(iterations=3) as stream:
        stream(CLIP[0].image)
        latent = stream.latent
    assert list(latent) == ["stride_4", "stride_8"]
    for maps, x in zip(latent.values(), x_of(CLIP[0].image), strict=True):
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps, (2 * x * (1 - 0.5**3)).float())


def test_the_latent_that_was_given_does_not_go_on_changing():
    with half_model().stream(iterations=1) as stream:
        stream(CLIP[0].image)
        latent = stream.latent
        before = {name: maps.clone() for name, maps in latent.items()}
        stream(CLIP[1].image)
    assert all(torch.equal(latent[name], before[name]) for name in latent)


def test_a_stream_without_a_frame_has_no_latent():
    with half_model().stream(iterations=1) as stream, pytest.raises(StreamdeqError, match="not seen a frame"):
        _ = stream.latent


def test_encode_solves_to_the_reference_or_as_long_as_it_is_told():
    model = half_model()
    for count, steps in ((None, 12), (5, 5)):
        for maps, x in zip(model.encode(CLIP[0].image, count).values(), x_of(CLIP[0].image), strict=True):
            torch.testing.assert_close(maps, (2 * x * (1 - 0.5**steps)).float())


def test_encode_of_a_real_model_has_a_map_per_scale():
    found = tiny_model().encode(CLIP[0].image)
    shapes = {name: tuple(maps.shape) for name, maps in found.items()}
    assert shapes == {"stride_4": (1, 8, 8, 12), "stride_8": (1, 8, 4, 6), "stride_16": (1, 16, 2, 3)}
    assert all(bool(maps.isfinite().all()) for maps in found.values())


def test_followed_instances_have_a_row_each():
    with tiny_pose_stream() as stream:
        stream(CLIP[0].image)
        assert stream.latent["stride_4"].shape[0] == 2


def tiny_pose_stream():
    from support.pose_models import pose_model

    boxes = np.array([[0, 0, 20, 20], [20, 5, 40, 30]], np.float64)
    return pose_model().stream(iterations=1, boxes=lambda image: boxes)


def test_the_change_is_how_far_the_last_step_moved_the_point_it_started_from():
    """From z to z⁺ = z/2 + x, with z = 2x·(1 − 2⁻ᵏ): ‖z⁺ − z‖ / ‖z‖ = 2⁻ᵏ⁻¹ / (1 − 2⁻ᵏ)."""
    with half_model().stream(iterations=4) as stream:
        told: list[float] = []
        stream(CLIP[0].image, on_update=lambda answer: told.append(answer.status.change))
        assert math.isnan(told[0])  # zeros have no length
        assert told[1:] == pytest.approx([0.5 ** (k + 1) / (1 - 0.5**k) for k in (1, 2, 3)])
        warm = []
        stream(CLIP[0].image, on_update=lambda answer: warm.append(answer.status.change))
    assert warm[0] == pytest.approx(0.5**5 / (1 - 0.5**4))  # across a frame change


def test_broydens_change_is_that_of_its_iterates():
    engine = engine_of(Contraction(), Broyden(4))
    row = engine.open()
    [first] = run_frames(engine, [row], CLIP[:1], 1)
    assert math.isnan(first.status.change)
    before = engine.content(row).state.z
    engine.iterate([row])
    after = engine.content(row).state.z
    [second] = engine.read([row])
    assert second.status.change == pytest.approx(float((after - before).norm() / before.norm()))


class Watched(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts how often the device is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.reads += "_local_scalar_dense" in str(func)
        return func(*args, **(kwargs or {}))


def test_a_step_reads_nothing_from_the_device():
    engine = engine_of(Contraction(), Picard())
    row = engine.open()
    run_frames(engine, [row], CLIP[:1], 1, read=())
    with Watched() as watched:
        engine.iterate([row])
    assert watched.reads == 0


def test_rows_of_several_streams_give_their_latents_in_order():
    engine = engine_of(Contraction(), Picard())
    rows = [engine.open(), engine.open()]
    run_frames(engine, rows, CLIP[:2], 2, read=())
    together = engine.latent(rows)
    for n, row in enumerate(rows):
        alone: Latent = engine.latent([row])
        assert all(torch.equal(a[n : n + 1], b) for a, b in zip(together.maps, alone.maps, strict=True))
