"""The two heads: shapes, a loss worked out by hand, folding that changes nothing."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.pose.head import DESIGNS, FusedHead, Joints, PoseHead, SimpleHead
from streamdeq.tasks.pose.heatmaps import gaussians, to_maps

CHANNELS = (8, 16, 24, 32)


def latent(rows: int = 2, side: int = 16) -> Latent:
    generator = torch.manual_seed(1)
    shapes = [(rows, c, side // 2**i, side // 2**i) for i, c in enumerate(CHANNELS)]
    return Latent(tuple(torch.randn(shape, generator=generator) for shape in shapes))


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_maps_have_a_quarter_of_the_canvas_in_both_designs(design):
    head = DESIGNS[design](CHANNELS, 5, 12, 2.0)
    assert head(latent(side=16)).shape == (2, 5, 16, 16)


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_folding_batchnorm_changes_nothing(design):
    torch.manual_seed(0)
    head = DESIGNS[design](CHANNELS, 3, 12, 2.0).double()
    z = latent().map(torch.Tensor.double)
    for _ in range(3):
        head(z)  # statistics that are not those of the beginning
    for module in head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    torch.nn.init.normal_(head.final_layer.weight)
    head.eval()
    before = head(z)
    head.fold()
    head.fold()  # again does nothing
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in head.modules())
    assert torch.allclose(head(z), before, rtol=1e-10, atol=1e-10)


def test_the_published_head_has_three_deconvolutions_of_256():
    head = SimpleHead((88, 176, 352, 704), 16, 256, 2.0)
    ups = [m for m in head.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size, m.stride) for m in ups] == [
        (704, 256, (4, 4), (2, 2)),
        (256, 256, (4, 4), (2, 2)),
        (256, 256, (4, 4), (2, 2)),
    ]
    assert head.final_layer.kernel_size == (1, 1)


class Given(PoseHead):
    """Answers with maps that are given."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__(sigma=1.0)
        self.maps = maps

    def forward(self, z: Latent) -> torch.Tensor:
        return self.maps

    def fold(self) -> None:
        pass


def test_the_loss_is_half_the_mean_squared_error_of_what_is_visible():
    points = torch.tensor([[[17.5, 9.5], [33.5, 33.5]]])
    wanted = gaussians(to_maps(points), (10, 10), 1.0)
    off = wanted.clone()
    off[0, 0] += 0.2
    off[0, 1] += 100.0
    losses = Given(off).losses(latent(1), Joints(points, torch.tensor([[1.0, 0.0]])))
    # Point 0 is off by 0.2 everywhere, point 1 does not count but is in the mean over the points.
    assert losses["heatmaps"].item() == pytest.approx(0.5 * 0.2**2 / 2)
    nothing = Given(off).losses(latent(1), Joints(points, torch.zeros(1, 2)))
    assert nothing["heatmaps"].item() == 0


def test_a_fused_head_learns_where_a_point_is():
    torch.manual_seed(0)
    head, z = FusedHead(CHANNELS, 1, 16, 2.0), latent()
    joints = Joints(torch.tensor([[[12.0, 40.0]], [[50.0, 20.0]]]), torch.ones(2, 1))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = head.losses(z, joints)["heatmaps"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.003
    assert head(z).flatten(2).argmax(2)[:, 0].tolist() == [10 * 16 + 3, 5 * 16 + 12]


def test_settings_are_read_from_json_and_wrong_ones_are_refused():
    read = PoseSettings.read({"design": "simple", "width": 64, "skeleton": [[0, 1]]})
    assert read == PoseSettings("simple", 64, skeleton=((0, 1),))
    with pytest.raises(StreamdeqError, match="unknown setting of the pose head 'widht'; did you mean 'width'"):
        PoseSettings.read({"widht": 3})
    with pytest.raises(StreamdeqError, match=r"unknown head\.design 'fuse'; did you mean 'fused'"):
        PoseSettings("fuse")
    with pytest.raises(StreamdeqError, match=r"unknown head\.decoding"):
        PoseSettings(decoding="argmax")
    with pytest.raises(StreamdeqError, match="above 0"):
        PoseSettings(sigma=0)
