"""Recipes under their names, each made of another one by what it changes."""

from dataclasses import replace
from typing import Any

from streamdeq.registry import Registry
from streamdeq.training.recipe import Recipe

RECIPES: Registry[Recipe] = Registry("recipe")


def derive(base: Recipe, name: str, **changes: Any) -> Recipe:
    """`base` with `changes`, registered as `name`."""
    return RECIPES.register(name)(replace(base, name=name, **changes))
