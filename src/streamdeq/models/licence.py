"""What the licence of weights forbids, told to whoever uses them, once."""

import hashlib
import logging
import multiprocessing
import os
import re

from streamdeq.errors import StreamdeqError
from streamdeq.files import cache_folder, ensure_folder
from streamdeq.models.spec import ModelSpec

log = logging.getLogger("streamdeq.licence")

#: With "off" (or "0", "no", "false") nothing is told.
NOTICE = "STREAMDEQ_LICENCE_NOTICE"
#: How the licences and terms of data say that whoever earns money with them must ask.
FORBIDS_COMMERCE = re.compile(r"\bnon[-\s]?commercial|\bby-nc\b|\bresearch (?:use|purposes?|only)\b", re.IGNORECASE)


def forbids_commerce(licence: str) -> bool:
    """Whether this text, as a description has it, allows no commercial use."""
    return FORBIDS_COMMERCE.search(licence) is not None


def restrictions(spec: ModelSpec) -> list[str]:
    """The licences that forbid commercial use: of the weights' own data, and of what they began with."""
    origin = spec.provenance
    told = [origin.licence, *(f"{one.licence} (of {one.name}, which they began with)" for one in origin.ancestors)]
    return [licence.rstrip(".") for licence in dict.fromkeys(told) if forbids_commerce(licence)]


def tell(spec: ModelSpec) -> None:
    """One warning at the first use of weights that are not for commerce; that they were told of is kept, per user, in
    the cache folder."""
    silent = os.environ.get(NOTICE, "").lower() in ("off", "0", "no", "false")
    licences = [] if silent else restrictions(spec)
    if licences and _first("\n".join([spec.name, *licences])):
        why = "; ".join(licences)
        log.warning(
            "the weights of '%s' are not for commercial use: %s (told once; %s=off: never)", spec.name, why, NOTICE
        )


def _first(told: str) -> bool:
    """Whether nobody has been told this; of several processes one is the first."""
    try:
        folder = ensure_folder(cache_folder() / "licences")
        (folder / hashlib.sha256(told.encode()).hexdigest()[:24]).touch(exist_ok=False)
    except FileExistsError:
        return False
    except (OSError, StreamdeqError):  # it cannot be kept: each program says so, its workers do not
        return multiprocessing.parent_process() is None
    return True
