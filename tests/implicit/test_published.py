"""The gradient of the published implementation, on weights trained on real frames."""

import pytest
import torch.nn.functional as F
from support.golden_file import GoldenFile
from torch import Tensor

from streamdeq.implicit import Differentiation, Implicit, Phantom
from streamdeq.solvers import Broyden

from .cells import cosine

pytestmark = pytest.mark.shared
PREFIX = "grad.param."


@pytest.fixture(scope="module")
def golden(shared_dir) -> GoldenFile:
    return GoldenFile(shared_dir / "reference" / "trained_camvid.safetensors")


def gradients(golden: GoldenFile, how: Differentiation) -> tuple[float, dict[str, Tensor]]:
    """Loss, and gradients under the published names."""
    network = golden.network()
    injection = network.backbone.inject(golden["frames"][:2])
    z = how(network.backbone.bind(injection), network.backbone.zeros(injection), 36)
    loss = F.cross_entropy(network.head(z), golden["grad.target"].long(), ignore_index=255)
    loss.backward()
    parameters = (*network.backbone.named_parameters(), *network.head.named_parameters())
    return float(loss.detach()), {name: p.grad for name, p in parameters}


def test_the_implicit_gradient_is_the_published_one_and_a_single_step_is_not(golden):
    wanted = {key.removeprefix(PREFIX): golden[key] for key in golden if key.startswith(PREFIX)}
    loss, got = gradients(golden, Implicit(Broyden(36), max_steps=15))
    assert loss == pytest.approx(float(golden["grad.loss"]), rel=1e-5)
    assert got.keys() == wanted.keys()
    assert [name for name in wanted if cosine([got[name]], [wanted[name]]) < 0.999] == []
    sizes = {name: float(got[name].norm() / wanted[name].norm()) for name in wanted}
    assert {name: size for name, size in sizes.items() if abs(size - 1) > 0.01} == {}

    _, one_step = gradients(golden, Phantom(steps=1, solver=Broyden(36)))
    cell = [name for name in wanted if name.startswith("fullstage.")]
    assert min(cosine([one_step[name]], [wanted[name]]) for name in cell) < 0.5
    assert cosine(map(one_step.get, cell), map(wanted.get, cell)) < 0.9
