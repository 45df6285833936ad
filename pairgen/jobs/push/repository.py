"""A repository on the hub, through `huggingface_hub`: what it holds, and what is added to it."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError, PairgenError, short
from pairgen.jobs.push.address import Address
from pairgen.jobs.push.content import PushedFile, Standing
from pairgen.redaction import without_secrets


def find_token() -> str:
    """Return the user's token for the hub; empty for none."""
    from huggingface_hub import get_token

    return get_token() or ""


class UnaskedError(PairgenError):
    """The hub was not asked: it cannot be reached, or is not to be.

    Attributes:
        why: The reason, as part of a sentence.
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = without_secrets(why)


class OfflineError(UnaskedError, ConfigError):
    """The user forbids requests to the hub."""


class Repository:
    """A repository on the hub.

    Every method raises ConfigError if the hub gives no access or refuses what it is given, and
    UnaskedError if it cannot be reached.

    Args:
        address: The repository.
        token: The user's token; empty to ask without one.
    """

    def __init__(self, address: Address, token: str) -> None:
        from huggingface_hub import HfApi

        self.address = address
        self._token = token
        self._api = HfApi(token=token or False, library_name="pairgen")
        self._where: dict[str, Any] = {
            "repo_id": address.repo_id,
            "repo_type": address.repo_type,
        }

    @property
    def page(self) -> str:
        """The URL of its page."""
        kind = "datasets/" if self.address.repo_type == "dataset" else ""
        return f"{self._api.endpoint}/{kind}{self.address.repo_id}"

    def is_private(self) -> bool | None:
        """Return whether it is private; None if there is none that the user may see."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        with self._told():
            try:
                return bool(self._api.repo_info(**self._where).private)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None

    def standing(self) -> dict[str, Standing]:
        """Return what it holds, by path."""
        from huggingface_hub.errors import EntryNotFoundError

        with self._told():
            try:
                listed = list(self._api.list_repo_tree(**self._where, recursive=True))
            except EntryNotFoundError:
                # Nothing was ever committed.
                return {}
        return {each.path: _standing(each) for each in listed if hasattr(each, "blob_id")}

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        with self._told(), tempfile.TemporaryDirectory() as folder:
            found = self._api.hf_hub_download(**self._where, filename=path, local_dir=folder)
            return Path(found).read_bytes()

    def create(self, public: bool) -> None:
        """Create it."""
        with self._told():
            self._api.create_repo(**self._where, private=not public, exist_ok=True)

    def commit(self, files: Sequence[PushedFile], removed: Sequence[str], message: str) -> None:
        """Add files and remove others in one commit."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with self._told():
            self._api.create_commit(
                **self._where,
                operations=[
                    *(CommitOperationDelete(path) for path in removed),
                    *(CommitOperationAdd(each.path, each.content) for each in files),
                ],
                commit_message=message,
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the hub's library raises into one sentence."""
        try:
            with _quiet():
                yield
        except PairgenError:
            raise
        # It raises errors of its own, of the HTTP library and of the operating system, and
        # ValueError; for the user, each of them means that nothing more was pushed.
        except Exception as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> PairgenError:
        from huggingface_hub import errors

        url = self.address.url
        status = getattr(getattr(error, "response", None), "status_code", 0)
        said = short(getattr(error, "server_message", None) or str(error))
        said = said.replace(self._token, "***") if self._token else said
        if isinstance(error, errors.OfflineModeIsEnabled):
            why = "HF_HUB_OFFLINE is set"
            return OfflineError(f"{why}, so nothing is pushed to {url}: unset it.", why)
        if status == 401:
            return ConfigError(
                f"The hub does not accept the token for {url}: set HF_TOKEN to one that may write, "
                "or log in with `hf auth login`."
            )
        if status == 403:
            return ConfigError(f"The token may not write to {url}: {said}.")
        if status == 404:
            return ConfigError(f"There is no {url} that the token may see.")
        if isinstance(error, ValueError) or (400 <= status < 500 and status not in (408, 429)):
            return ConfigError(f"The hub refuses what is pushed to {url}: {said}.")
        why = f"{f'status {status}' if status else type(error).__name__}: {said}"
        return UnaskedError(
            f"{url} cannot be reached ({why}). Run the same command again: files that have "
            "arrived are not sent again.",
            why,
        )


def _standing(entry: Any) -> Standing:
    sha256 = entry.lfs.sha256 if entry.lfs else ""
    return Standing(entry.size, sha256, entry.blob_id)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and warnings of the hub's library in a `with` block."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shows_bars = not are_progress_bars_disabled()
    with warnings.catch_warnings():
        # It also warns if an environment variable already controls its bars.
        warnings.simplefilter("ignore")
        disable_progress_bars()
        try:
            yield
        finally:
            if shows_bars:
                enable_progress_bars()
