"""Recipes of models that see more than their training street, on labels that tools/teach makes with other networks.

docs/lab/log/2026-11-29-wider-models.md has every command. Each takes at most 100 minutes of one core; their network is
camvid-s's, so that the weights of any are where another begins (`--init`).
"""

from dataclasses import replace

from streamdeq.training.recipe import Augment, Uniform
from streamdeq.training.recipes.named import derive
from streamdeq.training.recipes.packaged import CAMVID_S, CAMVID_S_SUR, HUMAN_S, PERSON_S, SMALL_DETECTOR

#: What the others might have begun with, the paper's ImageNet step in small: the 210 classes of imagenette and Tiny
#: ImageNet, most pictures of 64 pixels, and what EfficientNet-Lite0 sees in them. It is ahead of random weights with
#: boxes and key points and not with masks, so nothing begins with it.
BACKBONE_S = derive(
    CAMVID_S_SUR,
    "backbone-s",
    task="classification",
    size=64,
    crop_hw=(64, 64),
    batch=32,
    steps=6000,
    unroll=Uniform(1, 8),
    augment=Augment(area_range=(0.35, 1.0)),
)

#: People, vehicles and dogs anywhere: labels by people where there are some, else by two detectors that agree. It began
#: with person-s (--init). What is packaged knows people alone (tools/package_weights.py --classes person): the other
#: classes came to nothing.
PEOPLE_S = derive(
    PERSON_S,
    "people-s",
    head=replace(SMALL_DETECTOR, anchor_ratios=(0.6, 1.2, 2.75)),
    steps=6500,
    augment=Augment(scale_range=(0.6, 1.5)),
)

#: human-s anew (--init human-s), on seven times the pictures, whose joints a network vetted and filled in. What is
#: packaged as human-s.
HUMAN_S_WIDE = derive(HUMAN_S, "human-s-wide", steps=16000)

#: CamVid's classes on streets of two countries, most of them labelled by a network, from camvid-s (--init camvid-s).
#: What is packaged is the mean (tools/mean_weights.py) of what it makes and of what it began with: alone it lost 2.4
#: points on CamVid.
STREET_WIDE_S = derive(CAMVID_S, "street-wide-s", steps=7000)
