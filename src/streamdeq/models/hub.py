"""Weights on the Hugging Face Hub: `hf://owner/name` is fetched into the hub's own cache, a file is pushed with a card.

Only safetensors are fetched. Who may read and write is what the hub's own login says (`hf auth login`, `HF_TOKEN`);
`HF_ENDPOINT` is another server, `HF_HUB_OFFLINE=1` none.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.models.card import model_card
from streamdeq.models.spec import read_spec
from streamdeq.version import __version__

PREFIX = "hf://"
#: The file of weights in a repository, as other libraries have it, and its description.
WEIGHTS, CARD = "model.safetensors", "README.md"
ADDRESS = re.compile(
    r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.-]+))?(?:/(?P<file>[^@]+))?"
)


@dataclass(frozen=True)
class Address:
    """`hf://owner/name[@revision][/FILE]`: a branch, a tag or a commit, and a file's path in the repository."""

    repo: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repo}{at}" + (f"/{self.file}" if self.file else "")

    @staticmethod
    def of(text: str) -> "Address":
        found = ADDRESS.fullmatch(text.removeprefix(PREFIX))
        if found is None:
            raise StreamdeqError(
                f"expected hf://owner/name, with @revision or /FILE.safetensors if need be; got {text}"
            )
        address = Address(**found.groupdict())
        if address.file is not None and not address.file.endswith(".safetensors"):
            raise StreamdeqError(f"{text}: only .safetensors files are fetched; name one, or the repository alone")
        return address


def fetch(text: str) -> Path:
    """The file at an address, fetched unless the hub's cache has it; the cached one where the hub cannot be reached.

    Raises:
        StreamdeqError: no address, the extra `hub` is missing, or what the hub says: no such repository, revision or
            file, no right to it, no connection.
    """
    address, hub = Address.of(text), _library()
    options = {"revision": address.revision, "library_name": "streamdeq", "library_version": __version__}
    with _refusals(address):
        try:
            return Path(hub.hf_hub_download(address.repo, address.file or WEIGHTS, endpoint=_endpoint(), **options))
        except hub.errors.RemoteEntryNotFoundError:
            if address.file is not None:
                raise
        listed = _api(hub).model_info(address.repo, revision=address.revision).siblings or ()
        files = sorted(one.rfilename for one in listed if one.rfilename.endswith(".safetensors"))
        if len(files) != 1:
            there = f"there are {', '.join(files)}" if files else "there is none"
            raise StreamdeqError(f"{address}: expected {WEIGHTS} or one .safetensors file; {there}")
        return Path(hub.hf_hub_download(address.repo, files[0], endpoint=_endpoint(), **options))


def push(
    weights: Path,
    repo: str,
    *,
    revision: str | None = None,
    private: bool | None = None,
    message: str | None = None,
    card: bool | None = None,
    token: str | None = None,
) -> str:
    """Put a weights file into a repository, which is made where there is none; earlier files stay in its history.

    Args:
        revision: a branch, made where there is none; the main one if None.
        private: of a new repository; the owner's default if None.
        message: of the commit.
        card: write the model card: also over one that is there (True), where there is none (None), never (False).
        token: if None, that of the hub's login.

    Returns:
        the address of the commit.

    Raises:
        StreamdeqError: as for `fetch`; no right to write.
    """
    address, hub = Address.of(repo), _library()
    if address.file or address.revision:
        raise StreamdeqError(f"expected owner/name to push to, got {repo}; revision= names a branch")
    spec, api = read_spec(weights), _api(hub, token)
    with _refusals(address):
        api.create_repo(address.repo, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(address.repo, branch=revision, exist_ok=True)
        add = [hub.CommitOperationAdd(WEIGHTS, str(weights))]
        if card or (card is None and not api.file_exists(address.repo, CARD, revision=revision)):
            add.append(hub.CommitOperationAdd(CARD, model_card(spec, address.repo).encode()))
        said = message or f"{spec.name}, by streamdeq {__version__}"
        commit = api.create_commit(address.repo, add, commit_message=said, revision=revision)
    return str(Address(address.repo, commit.oid))


def _library() -> Any:
    if find_spec("huggingface_hub") is None:
        raise StreamdeqError("hf:// needs huggingface-hub, which is not installed: pip install 'streamdeq[hub]'")
    import huggingface_hub
    import huggingface_hub.errors

    return huggingface_hub


def _endpoint() -> str | None:
    """Read when it is needed; the library reads it when it is imported."""
    return os.environ.get("HF_ENDPOINT")


def _api(hub: Any, token: str | None = None) -> Any:
    return hub.HfApi(endpoint=_endpoint(), token=token, library_name="streamdeq", library_version=__version__)


@contextmanager
def _refusals(address: Address) -> Iterator[None]:
    """What the hub refuses, in one line that says what to do."""
    errors = _library().errors
    at = f" at revision '{address.revision}'" if address.revision else ""
    try:
        yield
    except errors.GatedRepoError as error:
        raise StreamdeqError(f"{address}: its owner must let you in: ask on its page, then `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise StreamdeqError(f"{address}: no such repository, or a private one: `hf auth login` first") from error
    except errors.RevisionNotFoundError as error:
        raise StreamdeqError(f"{address}: {address.repo} has no revision '{address.revision}'") from error
    except errors.RemoteEntryNotFoundError as error:
        raise StreamdeqError(f"{address}: {address.repo} has no file '{address.file}'{at}") from error
    except errors.LocalEntryNotFoundError as error:
        raise StreamdeqError(f"{address}: the hub cannot be reached, and it was not fetched before") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        advice = "; `hf auth login` with a token that may do this" if status in (401, 403) else ""
        raise StreamdeqError(f"{address}: the hub answers {status}: {error.server_message or error}{advice}") from error
    except (errors.HFValidationError, OSError, RuntimeError) as error:  # the last is an upload that failed half-way
        raise StreamdeqError(f"{address}: {error.__cause__ or error}") from error
