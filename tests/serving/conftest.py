"""One page for the tests of a file."""

from collections.abc import Iterator

import pytest

from streamdeq.serving.view import Viewer


@pytest.fixture(scope="module")
def serving() -> Iterator[Viewer]:
    with Viewer() as one:
        yield one


@pytest.fixture
def viewer(serving: Viewer) -> Viewer:
    """One for all that neither finish it nor count its frames; nothing is asked for."""
    serving.monitor.begin("street.mp4", 2, "previous")
    serving.monitor.controls()
    return serving
