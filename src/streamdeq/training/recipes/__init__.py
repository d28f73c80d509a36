"""The training recipes by name: of the packaged models and of the paper."""

from streamdeq.training.recipes import packaged as packaged
from streamdeq.training.recipes import paper as paper
from streamdeq.training.recipes.named import RECIPES

__all__ = ["RECIPES"]
