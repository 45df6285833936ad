"""`pairgen push`."""

from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command
from pairgen.cli.options import echo, given, pin_threads, say, trust_option
from pairgen.jobs.push.options import PushConfig
from pairgen.wording import counted, size_text


@command()
@argument("folder", metavar="DIR|RUN")
@argument("to", metavar="hf://...")
@options_of(PushConfig)
@trust_option
def push(folder: str, to: str, **options: Any) -> None:
    """Upload a dataset or a student to the hub; only new and changed files are sent.

    A dataset goes to hf://datasets/OWNER/NAME, and is verified first; a run goes to
    hf://OWNER/NAME, with its student but without its checkpoints. A new repository is private. To
    authenticate, set HF_TOKEN or run `hf auth login`.

    \b
    Examples:
        pairgen push data/pairs hf://datasets/me/pairs --dry-run
        pairgen push data/pairs hf://datasets/me/pairs --license cc-by-4.0
        pairgen push runs/student hf://me/student --public
    """  # noqa: D301
    pin_threads(1)
    from pairgen.jobs.push.run import run_push

    pushed = run_push(folder, to, given(options), say)
    if not pushed.sent:
        for path, num_bytes in pushed.files.items():
            echo(f"send    {num_bytes:>14,}  {path}")
        for path in pushed.removed:
            echo(f"remove  {'':>14}  {path}")
    done = "sent" if pushed.sent else "to send"
    removed = f", {len(pushed.removed):,} removed" if pushed.removed else ""
    unchanged = "" if pushed.unasked else f", {pushed.num_unchanged:,} unchanged"
    echo(
        f"{counted(len(pushed.files), 'file')} {done} ({size_text(pushed.num_bytes)}){removed}"
        f"{unchanged}."
    )
    if pushed.unasked:
        echo(
            f"The hub could not be asked what it holds ({pushed.unasked}): these are all files "
            "here, and a push sends only those that it lacks."
        )
    if pushed.sent:
        echo(f"{'Private' if pushed.private else 'Public'}: {pushed.page}")
    else:
        echo("Nothing was sent.")
