"""A model card: what a repository of weights says of itself, made from their description."""

import json
from collections.abc import Iterator
from typing import Any

from streamdeq.models.licence import restrictions
from streamdeq.models.spec import ModelSpec
from streamdeq.version import __version__

#: The hub's names of tasks.
PIPELINES = {
    "segmentation": "image-segmentation",
    "detection": "object-detection",
    "pose": "keypoint-detection",
    "classification": "image-classification",
    "depth": "depth-estimation",
}
#: Licences as descriptions begin with them, and as the hub calls them; another one is "other", with its text.
LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC BY-NC-SA 3.0": "cc-by-nc-sa-3.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
    "CC0": "cc0-1.0",
}
TAGS = ("streamdeq", "deep-equilibrium-model", "video")
#: Classes that are listed; how many more there are is said.
LISTED = 100


def model_card(spec: ModelSpec, repo: str) -> str:
    """The text of README.md, with the hub's metadata in its first lines, for weights in the repository `repo`."""
    from huggingface_hub import EvalResult, ModelCardData  # the extra `hub`

    origin = spec.provenance
    pipeline, known = PIPELINES.get(spec.task), hub_licence(origin.licence)
    data_name = origin.data.split()[0] if origin.data else ""
    results = [
        EvalResult(pipeline, data_name, data_name, name.split()[0], value, metric_name=name)
        for name, value in origin.metrics.items()
        if pipeline and data_name
    ]
    data = ModelCardData(
        license=known,
        license_name=None if known != "other" else "as-described",
        library_name="streamdeq",
        pipeline_tag=pipeline,
        tags=[*TAGS, spec.task],
        model_name=spec.name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(_sections(spec, repo)) + "\n"


def hub_licence(licence: str) -> str | None:
    """The hub's name of the licence that this text begins with; None where nothing is said."""
    named = sorted((name for name in LICENCES if licence.startswith(name)), key=len)
    return LICENCES[named[-1]] if named else ("other" if licence else None)


def _sections(spec: ModelSpec, repo: str) -> Iterator[str]:
    arch, origin = spec.architecture, spec.provenance
    yield f"# {spec.name}"
    yield (
        f"A streaming deep equilibrium model for {spec.task}: each frame of a video corrects the answer of the one "
        f"before. Made for [streamdeq](https://pypi.org/project/streamdeq) {__version__}."
    )
    yield f"## How to use it\n\n{_usage(spec, repo)}"
    widths = "/".join(map(str, arch.channels))
    reference = spec.reference_solve
    yield (
        f"## What it is\n\n- task: {spec.task}\n- cell: {arch.cell}, widths {widths}\n- working size: {spec.size} "
        f"pixels (shorter side)\n- solver: {spec.solver}, {spec.iterations} iterations per frame of a video, "
        f"{reference.iterations} for a picture"
    )
    if spec.classes:
        more = f", and {len(spec.classes) - LISTED} more" if len(spec.classes) > LISTED else ""
        yield f"## Classes\n\n{len(spec.classes)}: {', '.join(spec.classes[:LISTED])}{more}"
    if origin.metrics:
        rows = "\n".join(f"| {_cell(name)} | {value:.2f} |" for name, value in origin.metrics.items())
        yield f"## Figures\n\n| | points |\n| --- | ---: |\n{rows}"
    yield f"## Data and licence\n\nTrained on: {origin.data or 'not said'}.\n\n{_licence(spec)}"
    yield f"## Where it comes from\n\n{_provenance(origin)}"


def _usage(spec: ModelSpec, repo: str) -> str:
    return (
        "```bash\npip install 'streamdeq[hub]'\n"
        f"streamdeq run street.mp4 --model hf://{repo}\n```\n\n"
        "```python\nimport streamdeq\n\n"
        f'model = streamdeq.load("hf://{repo}")\n'
        f"with model.stream(iterations={spec.iterations}) as stream:\n"
        '    for result in stream.run("street.mp4"):\n'
        "        print(result)\n```"
    )


def _licence(spec: ModelSpec) -> str:
    origin = spec.provenance
    bold = "**Not for commercial use.** " if restrictions(spec) else ""
    own = f"The weights follow their data: {origin.licence}" if origin.licence else "No licence is stated."
    begun = "".join(
        f"\n- they began with {one.name}, trained on {one.data or 'not said'}: {one.licence or 'no licence stated'}"
        for one in origin.ancestors
    )
    return f"{bold}{own}" + (f"\n{begun}" if begun else "")


def _provenance(origin: Any) -> str:
    lines = [f"- trained with: {origin.trained_with or 'not said'}"]
    if origin.steps:
        lines.append(f"- {origin.steps:,} optimiser steps" + (f" in {origin.seconds:,.0f} s" if origin.seconds else ""))
    if origin.recipe:
        told = json.dumps(origin.recipe, indent=1, sort_keys=True)
        lines.append(f"\n<details><summary>recipe</summary>\n\n```json\n{told}\n```\n\n</details>")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """In a table of Markdown."""
    return text.replace("|", "\\|")
