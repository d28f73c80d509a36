"""Called by mkdocs while it builds the documentation: adds the pages made from the program and tables from JSON."""

import re
import shlex
from pathlib import Path
from typing import Any

import site_pages
from mkdocs.structure.files import File, Files
from site_tables import table

TABLE = re.compile(r"^<!-- table: (\S+)((?: \S+=.+)?) -->$", flags=re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages, and `llms.txt`."""
    for name, (_, make) in site_pages.GENERATED.items():
        files.append(File.generated(config, name, content=make()))
    files.append(File.generated(config, "llms.txt", content=site_pages.llms(site=True)))
    return files


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """`<!-- table: FILE.json -->` becomes the table of that file; with `kind=system` a part of it."""
    return TABLE.sub(lambda found: table(Path(config["docs_dir"], found.group(1)), **_where(found.group(2))), markdown)


def _where(text: str) -> dict[str, str | int]:
    """`kind=system iterations=2`; numbers are numbers."""
    pairs = (word.partition("=")[::2] for word in shlex.split(text))
    return {key: int(value) if value.isdecimal() else value for key, value in pairs}
