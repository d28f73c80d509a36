"""Our model computes what the authors' published code computes, number by number, in float64."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.golden_file import GoldenFile, close

from streamdeq.latent import Latent
from streamdeq.solvers import Broyden, Evaluations, Picard, Solver, solve

GOLDEN = Path(__file__).parent.parent / "golden"
RANDOM = ["random_f64", "random_f64_no_post_affine"]


@pytest.fixture(scope="module", params=[*RANDOM, pytest.param("trained_camvid", marks=pytest.mark.shared)])
def golden(request: pytest.FixtureRequest) -> GoldenFile:
    if request.param in RANDOM:
        return GoldenFile(GOLDEN / f"{request.param}.safetensors")
    return GoldenFile(request.getfixturevalue("shared_dir") / "reference" / f"{request.param}.safetensors")


@pytest.fixture(scope="module")
def tolerance(golden: GoldenFile) -> Callable[[float], float]:
    """The trained file is stored in float32, so digits beyond that are not there to compare."""
    stored = golden._tensors["frames"].dtype
    return lambda exact: exact if stored == torch.float64 else 1e-4


def stream(golden: GoldenFile, solver: Solver, iterations: int, frames: int):
    """Yield (frame number, answer, logits), each frame started from the last one's answer."""
    network = golden.network()
    z = None
    for t in range(frames):
        injection = network.backbone.inject(golden["frames"][t : t + 1])
        z = network.backbone.zeros(injection) if z is None else z
        z = solve(network.backbone.bind(injection), solver, z, Evaluations(solver.evaluations(iterations))).answer
        yield t, z, network.head(z)


@torch.no_grad()
def test_the_stem_gives_the_published_injection(golden, tolerance):
    injection = golden.network().backbone.inject(golden["frames"][:1])
    close(injection[0], golden["cell.injection"], tolerance(1e-9))
    assert injection[1:] == (None,) * (golden.scales - 1)


@torch.no_grad()
def test_one_application_of_the_cell_is_the_published_one(golden, tolerance):
    injection = (golden["cell.injection"], *(None,) * (golden.scales - 1))
    value = golden.network().backbone.bind(injection)(golden.latent("cell.z"))
    for i, m in enumerate(value.maps):
        close(m, golden[f"cell.f{i}"], tolerance(1e-9))


@torch.no_grad()
@pytest.mark.parametrize(("family", "solver"), [("unrolled", Picard()), ("broyden", Broyden(capacity=30))])
def test_streamed_logits_and_latents_are_the_published_ones(golden, tolerance, family, solver):
    pattern = re.compile(rf"{family}\.(\d+)\.frame(\d+)\.")
    wanted = {(int(m[1]), int(m[2])) for key in golden if (m := pattern.match(key))}
    compared = set()
    for iterations in sorted({m for m, _ in wanted}):
        frames = 1 + max(t for m, t in wanted if m == iterations)
        for t, z, logits in stream(golden, solver, iterations, frames):
            prefix = f"{family}.{iterations}.frame{t}."
            answers = {"logits": logits, **{f"z{i}": m for i, m in enumerate(z.maps)}}
            for name, value in answers.items():
                if prefix + name in golden:
                    close(value, golden[prefix + name], tolerance(1e-6))
                    compared.add(prefix + name)
    assert compared == {key for key in golden if pattern.match(key)}


@torch.no_grad()
def test_broyden_residuals_follow_the_published_trace(golden, tolerance):
    network = golden.network()
    injection = network.backbone.inject(golden["frames"][:1])
    absolute, relative = [], []

    def trace(_, state) -> None:
        absolute.append(state.residual)
        relative.append(state.relative)

    iterations = golden["broyden.trace.abs"].numel() - 1  # the last entry repeats the lowest
    solver = Broyden(capacity=30)
    solve(
        network.backbone.bind(injection),
        solver,
        network.backbone.zeros(injection),
        Evaluations(solver.evaluations(iterations)),
        trace,
    )
    # The published trace begins with the first iteration; the evaluation at zeros before it is not in it.
    close(torch.cat(absolute[1:]), golden["broyden.trace.abs"][:-1], tolerance(1e-6))
    close(torch.cat(relative[1:]), golden["broyden.trace.rel"][:-1], tolerance(1e-6))


@torch.no_grad()
def test_the_cheap_head_is_the_published_head(golden):
    network = golden.network()
    z = golden.latent("cell.z")
    size = z.maps[0].shape[2:]
    up = [torch.nn.functional.interpolate(m, size=size, mode="bilinear", align_corners=True) for m in z.maps]
    published = network.head.last_layer(torch.cat(up, dim=1))
    close(network.head(z), published, 1e-12)
    single = network.float().head(z.to(torch.float32))
    close(single.double(), published, 1e-5)


@torch.no_grad()
def test_folding_changes_nothing_but_the_time(golden):
    network, folded = golden.network(), golden.network()
    folded.backbone.fold()
    folded.head.fold()
    assert not any("weight_g" in name or "running_mean" in name for name, _ in folded.named_parameters())
    x = golden["frames"][:1]
    z = golden.latent("cell.z")
    for a, b in (
        (network.backbone.inject(x)[0], folded.backbone.inject(x)[0]),
        (network.head(z), folded.head(z)),
    ):
        close(b, a, 1e-10)
    injection = network.backbone.inject(x)
    expected: Latent = network.backbone.bind(injection)(z)
    for a, b in zip(expected.maps, folded.backbone.bind(injection)(z).maps, strict=True):
        close(b, a, 1e-10)
