"""JSON of strangers: read, or refused as one kind of error."""

import pytest

from pairgen.untrusted.json_text import load_json
from pairgen.untrusted.malformed import MalformedError


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 100_000, "[" * 60 + "]" * 60, '{"a":' * 60 + "1" + "}" * 60, "9" * 10_000),
        *('["\\ud800"]', '{"\\udfff": 1}', "{", "", b"\xff", b"\xff\xfe[\0]\0"),
    ],
)
def test_what_cannot_be_written_again_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedError):
        load_json(text)


def test_plain_data_is_read() -> None:
    assert load_json('{"a": [1, "\\u00e9\\ud83c\\udf38", null], "b": {}}') == {
        "a": [1, "\u00e9\U0001f338", None],
        "b": {},
    }
