"""What a command says while it runs: records of the logger `pairgen`, on standard error.

By default a record is its message alone. `--quiet` leaves warnings and errors, `-v` adds details
with their time, and `--log-json` writes each record as a line of JSON. Results go to standard
output, whatever is chosen.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from pairgen.progress_style import progress_style, set_progress_style
from pairgen.redaction import without_secrets
from pairgen.visible import visible

Command = TypeVar("Command", bound=Callable[..., Any])

logger = logging.getLogger("pairgen")


class Messages(logging.Handler):
    """Writes records to standard error.

    Attributes:
        as_json: Whether each record is a line of JSON.
        with_time: Whether the time comes before a message.
    """

    def __init__(self) -> None:
        super().__init__()
        self.as_json = self.with_time = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record: what it quotes of others is shown, and never obeyed by a terminal."""
        try:
            text = as_json(record) if self.as_json else visible(_text(record, self.with_time))
            tqdm = sys.modules.get("tqdm")
            if tqdm is not None and sys.stderr.isatty():
                # Above the bars, which are redrawn below it.
                tqdm.tqdm.write(text, file=sys.stderr)
            else:
                click.echo(text, err=True)
        except Exception:
            self.handleError(record)


def as_json(record: logging.LogRecord) -> str:
    """Return a record as one line of JSON: time, level, event, message, and the event's fields."""
    data = {
        "time": _time(record).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", "message"),
        "message": without_secrets(record.getMessage()),
        **getattr(record, "fields", {}),
    }
    return json.dumps(data, ensure_ascii=True, default=str)


@contextmanager
def shown_messages() -> Iterator[Messages]:
    """Show the records of the logger inside the context; restore the logger afterwards.

    Contexts inside another one share its choices.
    """
    current = next((each for each in logger.handlers if isinstance(each, Messages)), None)
    if current is not None:
        yield current
        return
    handler = Messages()
    before = (logger.level, logger.propagate, progress_style())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        set_progress_style(before[2])
        if handler.as_json:
            logging.captureWarnings(False)
            logging.getLogger().removeHandler(handler)


def message_options() -> list[click.Option]:
    """Return --quiet, --verbose and --log-json, which every command has."""
    shared: dict[str, Any] = {
        "is_flag": True,
        "expose_value": False,
        # Before what may complain of other options.
        "is_eager": True,
    }
    return [
        click.Option(
            ["--quiet"],
            callback=_chosen(_quiet),
            help="Print only results, warnings and errors.",
            **shared,
        ),
        click.Option(
            ["--verbose", "-v"],
            callback=_chosen(_verbose),
            help="Also print times, and details such as each shard.",
            **shared,
        ),
        click.Option(
            ["--log-json"],
            callback=_chosen(write_json),
            help="Print messages and progress to standard error as JSON, one object per line.",
            **shared,
        ),
    ]


def write_json(handler: Messages) -> None:
    """Write all records as JSON, those of libraries too."""
    if handler.as_json:
        return
    handler.as_json = True
    set_progress_style("events")
    logging.captureWarnings(True)
    # Libraries log there, and warnings of Python come there: no line is anything but JSON.
    logging.getLogger().addHandler(handler)


def _quiet(_: Messages) -> None:
    if logger.level == logging.DEBUG:
        raise click.UsageError("--quiet and --verbose exclude each other: give one of them.")
    logger.setLevel(logging.WARNING)
    set_progress_style("none")


def _verbose(handler: Messages) -> None:
    if logger.level == logging.WARNING:
        raise click.UsageError("--quiet and --verbose exclude each other: give one of them.")
    logger.setLevel(logging.DEBUG)
    handler.with_time = True


def _chosen(choose: Callable[[Messages], None]) -> Callable[..., None]:
    def callback(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            choose(context.find_root().with_resource(shown_messages()))

    return callback


def _text(record: logging.LogRecord, with_time: bool) -> str:
    text = without_secrets(record.getMessage())
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return f"{_time(record):%H:%M:%S}  {text}" if with_time else text


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC).astimezone()
