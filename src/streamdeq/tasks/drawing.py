"""supervision, which draws boxes and skeletons and is an extra. Knows no task."""

from typing import Any

from streamdeq.errors import StreamdeqError


def supervision(what: str, extra: str) -> Any:
    """The module.

    Args:
        what: is drawn with it; extra: to be installed for that; both for the error.

    Raises:
        StreamdeqError: it is not installed.
    """
    try:
        import supervision as module
    except ImportError as error:
        raise StreamdeqError(
            f"{what} are drawn with supervision, which is not installed: pip install 'streamdeq[{extra}]'"
        ) from error
    return module
