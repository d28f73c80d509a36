"""Pages of the documentation that are made from the program: commands, packaged models, recipes, and `llms.txt`.

.venv/bin/python tools/site_pages.py    # writes llms.txt
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from site_tables import NOTHING, piped

ROOT = Path(__file__).resolve().parent.parent
LLMS = ROOT / "llms.txt"


def commands() -> str:
    """What every command says to `--help`, asked of the running program."""
    top = help_of()
    names = re.findall(r"^  ([a-z-]+) {2,}", top[top.index("Commands:") :], flags=re.MULTILINE)
    with ThreadPoolExecutor(2) as pool:
        helps = list(pool.map(help_of, names))
    said = "This page is what the program answers to `--help`.\n"
    parts = [f"## streamdeq {name}\n\n{_block(text)}" for name, text in zip(names, helps, strict=True)]
    return "\n".join(["# Commands\n", said, _block(top), *parts])


def help_of(*command: str) -> str:
    """What the program answers to `--help`, of a command or of itself, in lines of 100 columns."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}
    ask = [sys.executable, "-m", "streamdeq", *command, "--help"]
    return subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout


def _block(text: str) -> str:
    return f"```text\n{text.strip()}\n```\n"


def models() -> str:
    """The weights that come with the package, and the repository's, from their own descriptions."""
    from streamdeq.models import zoo

    licences: dict[str, list[str]] = {}
    packaged, research = (_described(names, licences) for names in (zoo.names(), zoo.RESEARCH))
    below = [f"- {', '.join(names)}: {licence}" for licence, names in licences.items()]
    return "\n".join([
        "# Models\n", "What `streamdeq models` lists: the weights in the package.\n", *packaged,
        "\n## Of the paper's experiment\n",
        "What [the experiment](../reproduce.md) compares lies in the repository's `research/`, not in the package. "
        "From a checkout these names load as the others do; elsewhere the path of the file is given.\n", *research,
        "\n## Licences\n", "Weights follow their data:\n", *below, "",
    ])  # fmt: skip


def _described(names: Iterable[str], licences: dict[str, list[str]]) -> list[str]:
    """A table of these models; their names are added to `licences`."""
    from streamdeq.models import zoo
    from streamdeq.models.spec import read_spec

    lines = [["name", "task", "size", "data", "figures"]]
    for name in names:
        path = zoo.find(name)
        spec = read_spec(path)
        origin = spec.provenance
        licences.setdefault(str(origin.licence), []).append(f"`{name}`")
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        lines.append([f"`{name}`", spec.task, size, str(origin.data), _figures(origin.metrics)])
    return list(piped(lines))


def _figures(metrics: Any) -> str:
    """`mIoU val streaming at 1`, `… at 2` are written as one."""
    together: dict[str, list[tuple[str, str]]] = {}
    for key, value in metrics.items():
        what, _, count = key.rpartition(" at ")
        together.setdefault(what or key, []).append((count if what else "", f"{value:.1f}"))
    said = [
        f"{what} at {'/'.join(count for count, _ in values)}: {' / '.join(value for _, value in values)}"
        if values[0][0]
        else f"{what}: {values[0][1]}"
        for what, values in together.items()
    ]
    return "<br>".join(said) or NOTHING


def recipes() -> str:
    """The recipes of `streamdeq train`, by name."""
    from streamdeq.training.recipes import RECIPES

    lines = [["recipe", "task", "trained", "cell", "widths", "size", "batch", "steps"]]
    for name in RECIPES:
        recipe = RECIPES[name]
        cell, widths = recipe.architecture.cell, "/".join(map(str, recipe.architecture.channels))
        trained = _trained(recipe)
        numbers = [str(recipe.size), str(recipe.batch), f"{recipe.steps:,}"]
        lines.append([f"`{name}`", recipe.task, trained, cell, widths, *numbers])
    said = "`streamdeq train RECIPE --data DIR KEY=VALUE …`; every field of a recipe is a key.\n"
    return "\n".join(["# Recipes\n", said, *piped(lines), ""])


def _trained(recipe: Any) -> str:
    if recipe.streaming is not None:
        return "for streaming"
    if recipe.implicit is not None:
        return "implicit"
    return {"Fixed": "unrolled", "Uniform": "unrolled, random depth"}[type(recipe.unroll).__name__]


def contents(nav: Any, section: str = "Start") -> Iterator[tuple[str, str, str]]:
    """Section, title and file of every page of mkdocs.yml's `nav`, in order."""
    for entry in nav:
        for title, target in entry.items():
            if isinstance(target, str):
                yield section, title, target
            else:
                yield from contents(target, title)


#: What makes the pages that nobody writes, and what they are.
GENERATED: dict[str, tuple[str, Callable[[], str]]] = {
    "reference/commands.md": ("Every command and option, as the program itself explains them.", commands),
    "reference/models.md": ("The packaged models: task, data, licence, figures.", models),
    "reference/recipes.md": ("The recipes of `streamdeq train`.", recipes),
}


def description(file: str) -> str:
    """What a page's front matter says the page is."""
    if file in GENERATED:
        return GENERATED[file][0]
    found = re.match(r"---\ndescription: (.+)\n", (ROOT / "docs" / file).read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"docs/{file}: expected a description in its first lines")
    return found.group(1)


def llms(*, site: bool) -> str:
    """The table of contents for a language model, by https://llmstxt.org.

    Args:
        site: links lead to the built pages beside it; otherwise to the repository's own files.
    """
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}"]
    pages = list(contents(config["nav"]))
    for section in dict.fromkeys(section for section, *_ in pages):
        lines += ["", f"## {section}", ""]
        for _, title, file in (page for page in pages if page[0] == section):
            built = file.removesuffix(".md") + ".html"
            source = f"build/site/{built}" if file in GENERATED else f"docs/{file}"
            lines.append(f"- [{title}]({built if site else source}): {description(file)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LLMS.write_text(llms(site=False), encoding="utf-8")
