"""One page for the tests of a file, and servers that begin at once."""

from collections.abc import Iterator

import pytest

from streamdeq.serving.server import measure
from streamdeq.serving.view import Viewer


@pytest.fixture(scope="session", autouse=True)
def quickly_measured() -> Iterator[None]:
    """Servers measure what batches of up to four rows cost: tenths of a second for each of dozens of servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "MOST_ROWS", 4)
        yield


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
