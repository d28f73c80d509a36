"""The training recipes by name: of the packaged models, of the paper, of the experiment in small."""

from streamdeq.training.recipes import evidence as evidence
from streamdeq.training.recipes import packaged as packaged
from streamdeq.training.recipes import paper as paper
from streamdeq.training.recipes import wider as wider
from streamdeq.training.recipes.named import RECIPES

__all__ = ["RECIPES"]
