"""Called by mkdocs while it builds the documentation: adds the pages made from the program and tables from JSON."""

import re
from pathlib import Path
from typing import Any

import site_pages
from mkdocs.structure.files import File, Files
from site_tables import table

TABLE = re.compile(r"^<!-- table: (\S+) -->$", flags=re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages, and `llms.txt`."""
    for name, (_, make) in site_pages.GENERATED.items():
        files.append(File.generated(config, name, content=make()))
    files.append(File.generated(config, "llms.txt", content=site_pages.llms(site=True)))
    return files


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """`<!-- table: FILE.json -->` becomes the table of that file."""
    return TABLE.sub(lambda found: table(Path(config["docs_dir"], found.group(1))), markdown)
