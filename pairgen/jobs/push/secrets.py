"""Nothing with a secret is pushed."""

from collections.abc import Iterable

from pairgen.errors import ConfigError
from pairgen.jobs.push.content import PushedFile
from pairgen.redaction import without_secrets

# What pairgen writes itself: in these, a URL never stands for a prompt.
_OURS = (".yaml", ".json", "README.md")


def check_no_secrets(files: Iterable[PushedFile], token: str) -> None:
    """Refuse to push a URL with a password or a query, and the hub's token.

    Prompts are pushed as they are: they lie in tars, not in the files that are looked at.

    Raises:
        ConfigError: A file that says how a dataset or a run was made has one.
    """
    for file in files:
        if not file.path.endswith(_OURS):
            continue
        text = file.read().decode("utf-8", errors="replace")
        if without_secrets(text) != text:
            raise ConfigError(
                f"{file.path} holds a URL with a password, a token or a query, and is not pushed: "
                "remove that from it first."
            )
        if token and token in text:
            raise ConfigError(f"{file.path} holds the token of the hub, and is not pushed.")
