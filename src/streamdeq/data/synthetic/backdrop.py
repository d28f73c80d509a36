"""Sky, distant trees, road and pavement: what is there before any thing is drawn."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from streamdeq.data.synthetic.camera import Camera
from streamdeq.data.synthetic.scene import HOUSE_X, KERB_X, PAVEMENT, ROAD, SKY, Scene

_PANORAMA_RAD = 2.4
"""How much of the horizon the clouds and the distant trees are made for, around heading 0."""
_PERIOD_M = 640.0
"""A multiple of whatever repeats on the ground: distances are kept small so that float32 is exact."""


@dataclass(frozen=True, eq=False)
class Look:
    """Light, weather and texture of a scene. Colours are RGB, 0..255; `haze_per_m` is how fast things fade."""

    sky: np.ndarray
    haze: np.ndarray
    haze_per_m: float
    asphalt: np.ndarray
    paving: np.ndarray
    dash: float
    gain: np.ndarray
    noise: float
    clouds: Image.Image
    skyline: np.ndarray
    grain: np.ndarray


def look_of(scene: Scene) -> Look:
    rng = np.random.default_rng((*scene.key, 2))
    overcast = rng.random()
    sky = (1 - overcast) * np.array((112, 158, 214)) + overcast * np.array((188, 192, 198))
    asphalt = rng.uniform(68, 104) + rng.uniform(-5, 5, 3)
    paving = rng.uniform(118, 158) + np.array((4, 0, -6)) + rng.uniform(-6, 6, 3)
    return Look(
        sky=sky.astype(np.float32),
        haze=(0.5 * sky + 105).astype(np.float32),
        haze_per_m=rng.uniform(0.002, 0.007),
        asphalt=asphalt.astype(np.float32),
        paving=paving.astype(np.float32),
        dash=(4.0, 5.0, 6.4, 8.0)[rng.integers(4)],
        gain=(rng.uniform(0.72, 1.1) * rng.uniform(0.94, 1.06, 3)).astype(np.float32),
        noise=rng.uniform(2.0, 5.0),
        clouds=Image.fromarray(rng.integers(0, 256, (9, 26), dtype=np.uint8)),
        skyline=rng.uniform(0.012, 0.06, 160).astype(np.float32),
        grain=rng.standard_normal(1 << 16).astype(np.float32),
    )


def paint_backdrop(camera: Camera, look: Look) -> np.ndarray:
    """(H, W, 3) uint8."""
    image = np.empty((*camera.size_hw, 3), np.uint8)
    x, ahead, first = camera.ground()
    image[:first] = _paint_sky(camera, look, first)
    image[first:] = _paint_ground(x, ahead, camera.z, look)
    return image


def label_backdrop(camera: Camera) -> np.ndarray:
    """(H, W) int32 of class indices, the distant trees left out: `skyline` says where they are."""
    classes = np.empty(camera.size_hw, np.int32)
    x, _, first = camera.ground()
    classes[:first] = SKY
    classes[first:] = np.where(np.abs(x) < KERB_X, ROAD, PAVEMENT)
    return classes


def skyline(camera: Camera, look: Look) -> np.ndarray:
    """(H, W) bool: the distant trees that close the street."""
    angles = _angles(camera) / _PANORAMA_RAD * len(look.skyline)
    heights = camera.focal * np.interp(angles, np.arange(len(look.skyline)), look.skyline)
    rows = np.arange(camera.size_hw[0], dtype=np.float32)[:, None] + 0.5
    return (rows < np.ceil(camera.horizon)) & (rows > camera.horizon - heights[None])


def _angles(camera: Camera) -> np.ndarray:
    """(W,) the direction of each column from the left end of the panorama, in radians."""
    columns = np.arange(camera.size_hw[1]) + 0.5 - 0.5 * camera.size_hw[1]
    return columns / camera.focal + camera.heading + _PANORAMA_RAD / 2


def _paint_sky(camera: Camera, look: Look, rows: int) -> np.ndarray:
    width = camera.size_hw[1]
    if rows == 0:
        return np.empty((0, width, 3), np.uint8)
    # Clouds are smooth: an eighth of the size will do.
    small = (max(2, width // 8), max(2, rows // 8))
    left, right = _angles(camera)[[0, -1]] * (look.clouds.width / _PANORAMA_RAD)
    box = (max(0.0, left), 0.0, min(look.clouds.width, right), float(look.clouds.height))
    clouds = np.asarray(look.clouds.resize(small, Image.Resampling.BICUBIC, box), np.float32)
    up = np.linspace(1, 0, small[1], dtype=np.float32)[:, None]
    white = np.clip(clouds / 128 - 0.85, 0, 0.9) * (0.25 + 0.75 * up)
    base = look.haze + (look.sky - look.haze) * np.sqrt(up)[..., None]
    sky = np.clip(base + (236 - base) * white[..., None], 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(sky).resize((width, rows), Image.Resampling.BICUBIC))


def _paint_ground(x: np.ndarray, ahead: np.ndarray, camera_z: float, look: Look) -> np.ndarray:
    z = ahead + np.float32(camera_z % _PERIOD_M)
    lateral = np.abs(x)
    road = lateral < KERB_X
    # The texture is finer than the pixels from some distance on, and then would only flicker.
    visible = np.minimum(1, 7 / ahead)
    light = 7 * visible * _grain(look, x, z, 9.0, 4.8) + 5 * np.sqrt(visible) * _grain(look, x, z, 1.3, 0.4)
    slabs = ((lateral * 17).astype(np.int32) % 15 == 0) | (z % 0.8 < 0.05)
    light -= (22 * visible) * (slabs & ~road)
    dashes = (lateral < 0.07) & (z % look.dash < 0.5 * look.dash)
    light += 95 * (dashes | (np.abs(lateral - 3.25) < 0.05))
    light += 32 * (np.abs(lateral - KERB_X - 0.1) < 0.1)
    light -= 18 * (lateral > HOUSE_X + 2)
    clear = np.exp(-look.haze_per_m * ahead)
    light *= clear
    clear = clear[..., None]
    colour = np.where(road[..., None], *(c * clear + look.haze * (1 - clear) for c in (look.asphalt, look.paving)))
    colour += light[..., None]
    return np.clip(colour, 0, 255, out=colour).astype(np.uint8)


def _grain(look: Look, x: np.ndarray, z: np.ndarray, per_m_x: float, per_m_z: float) -> np.ndarray:
    """Noise that lies on the ground, in cells of the given density."""
    columns, rows = (x * per_m_x).astype(np.int32) & 255, (z * per_m_z).astype(np.int32) & 255
    return look.grain[(columns << 8) | rows]
