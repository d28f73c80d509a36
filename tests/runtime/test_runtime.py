"""The three functions a model is at run time, and the number formats they run in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.precision import has_bf16, pick_device, pick_dtype
from streamdeq.tasks import build_network

CPU = torch.device("cpu")
CLASSES = ("sky", "road", "car")
PALETTE = ((0, 0, 255), (128, 64, 128), (200, 0, 0))
# A mean that is a whole colour: (51, 102, 153) of 255.
SPEC = ModelSpec(
    "t", "segmentation", Architecture((16, 32), 4, 2), CLASSES, PALETTE, 32, (0.2, 0.4, 0.6), (0.1, 0.2, 0.3)
)


def network(seed: int = 0) -> Network:
    """Random weights, with the statistics of a network that has seen pictures."""
    torch.manual_seed(seed)
    made = build_network(SPEC)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.1, 0.5)
    return made.eval()


def functions(dtype: torch.dtype = torch.float32) -> Functions:
    return Functions(network(), SPEC, CPU, dtype)


def pictures(h: int = 24, w: int = 40, rows: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(rows, 3, 4, 5, generator=generator) * 255
    return F.interpolate(coarse, size=(h, w), mode="bilinear").to(torch.uint8)


def solved(model: Functions, steps: int = 6) -> tuple[Latent, Tensor]:
    """The latent after some steps from zeros, and the logits."""
    injection = model.inject(pictures(), (32, 40))
    z = model.zeros(injection)
    for _ in range(steps):
        z = model.step(z, injection)
    return z, model.predict(z)


def relative(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).abs().max() / expected.abs().max())


# -- inject ----------------------------------------------------------------------------------------------------


def test_pictures_are_normalised_and_then_padded_with_zeros_right_and_below() -> None:
    content = pictures()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (SPEC.mean, SPEC.std))
    canvas = torch.zeros(2, 3, 32, 48, dtype=torch.float64)
    canvas[:, :, :24, :40] = (content.double() / 255 - mean) / std
    with torch.no_grad():
        expected = network().double().backbone.inject(canvas)[0]
    injection = functions().inject(content, (32, 48))
    assert relative(injection[0].double(), expected) < 1e-5
    assert injection[1:] == (None,)


def test_a_picture_of_the_mean_colour_is_as_good_as_no_picture() -> None:
    mean_colour = torch.tensor([51, 102, 153], dtype=torch.uint8).view(1, 3, 1, 1)
    filled = functions().inject(mean_colour.expand(1, 3, 24, 40), (32, 48))[0]
    with torch.no_grad():
        empty = network().backbone.inject(torch.zeros(1, 3, 32, 48))[0]
    assert relative(filled, empty) < 1e-5
    black = functions().inject(torch.zeros(1, 3, 24, 40, dtype=torch.uint8), (32, 48))[0]
    assert relative(black, empty) > 0.1


def test_the_start_from_nothing_is_zero_on_every_scale() -> None:
    model = functions()
    z = model.zeros(model.inject(pictures(), (32, 40)))
    assert z.shapes == SPEC.architecture.shapes((32, 40))
    assert z.rows == 2
    assert not any(m.any() for m in z.maps)


# -- the same network, folded ----------------------------------------------------------------------------------


@torch.no_grad()
def test_the_three_functions_are_the_network() -> None:
    plain, model = network(), functions()
    injection = model.inject(pictures(), (32, 40))
    z = model.zeros(injection)
    f = plain.backbone.bind(injection)
    for _ in range(5):
        stepped = model.step(z, injection)
        for ours, expected in zip(stepped.maps, f(z).maps, strict=True):
            assert relative(ours, expected) < 1e-5
        z = stepped
    assert relative(model.predict(z), plain.head(z)) < 1e-5


def test_the_network_given_can_go_on_training() -> None:
    trained = build_network(SPEC).train()
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    Functions(trained, SPEC, CPU, torch.bfloat16)
    assert trained.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in trained.parameters())
    assert trained.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


def test_nothing_at_run_time_asks_for_gradients() -> None:
    z, logits = solved(functions())
    assert not any(t.requires_grad for t in (*z.maps, logits))


def test_dropout_of_the_architecture_is_for_training_only() -> None:
    spec = replace(SPEC, architecture=replace(SPEC.architecture, dropout=0.5))
    torch.manual_seed(0)
    model = Functions(build_network(spec).train(), spec, CPU, torch.float32)
    (_, first), (_, second) = solved(model), solved(model)
    assert torch.equal(first, second)


# -- number formats --------------------------------------------------------------------------------------------


def test_bfloat16_stays_inside_and_says_nearly_the_same() -> None:
    (z32, exact), (z16, rough) = solved(functions()), solved(functions(torch.bfloat16))
    assert {m.dtype for m in z16.maps} == {torch.float32}
    assert rough.dtype == torch.bfloat16
    for a, b in zip(z16.maps, z32.maps, strict=True):
        assert F.cosine_similarity(a.flatten(1), b.flatten(1)).min() > 0.995
    assert F.cosine_similarity(rough.float().flatten(1), exact.flatten(1)).min() > 0.999


def test_a_float64_model_has_a_float64_latent() -> None:
    z, logits = solved(functions(torch.float64))
    assert {m.dtype for m in z.maps} == {logits.dtype} == {torch.float64}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_does_not_depend_on_its_mates(dtype: torch.dtype) -> None:
    model = functions(dtype)
    both = model.inject(pictures(), (32, 40))
    one = model.inject(pictures()[1:], (32, 40))
    z_both, z_one = model.zeros(both), model.zeros(one)
    for _ in range(3):
        z_both, z_one = model.step(z_both, both), model.step(z_one, one)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    for batched, single in zip(z_both.maps, z_one.maps, strict=True):
        assert relative(batched[1:], single) < tolerance


def test_the_precision_is_what_was_asked_for() -> None:
    assert pick_dtype("fp32", CPU) == torch.float32
    assert pick_dtype("bf16", CPU) == torch.bfloat16
    assert pick_dtype("auto", CPU) == (torch.bfloat16 if has_bf16(CPU) else torch.float32)


def test_what_is_no_precision_or_device_shows_the_choices() -> None:
    with pytest.raises(StreamdeqError, match=r"unknown precision 'fp16' \(choices: auto, fp32, bf16\)"):
        pick_dtype("fp16", CPU)
    with pytest.raises(StreamdeqError, match=r"unknown device 'tpu' \(choices: auto, cpu, cuda, cuda:0, cuda:1, …\)"):
        pick_device("tpu")


def test_a_device_that_is_not_there_is_refused() -> None:
    assert pick_device("cpu") == CPU
    if torch.cuda.is_available():
        assert pick_device("auto").type == pick_device("cuda").type == "cuda"
    else:
        assert pick_device("auto") == CPU
        with pytest.raises(StreamdeqError, match="no CUDA device is available here; use --device cpu or auto"):
            pick_device("cuda")


def test_numpy_pictures_of_any_layout_are_taken() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    permuted = torch.from_numpy(image).permute(2, 0, 1)[None]
    assert not permuted.is_contiguous()
    a = functions().inject(permuted, (32, 40))[0]
    b = functions().inject(permuted.contiguous(), (32, 40))[0]
    assert relative(a, b) < 1e-6
