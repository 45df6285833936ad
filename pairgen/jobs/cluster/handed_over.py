"""Environment variables of a job whose values no log, process list or job record may show.

Ray writes the `env_vars` of a runtime environment into its logs, the record of the job and, for a
moment, the command line of each worker. So the values are uploaded as Ray uploads packages, into
the memory of the head, and every process of the job fetches them by a name that means nothing.
This module runs on the nodes too: `take` in every worker, `main` before the command.
"""

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# Names the variable that tells where the values are.
KEY = "PAIRGEN_HANDED_OVER"
# Ray drops a package that nothing refers to after ten minutes; what stands here stays.
NAMESPACE = b"pairgen"
PROTOCOL = "gcs"


def hook() -> str:
    """Return what Ray calls in every worker of the job."""
    return f"{__name__}.{take.__name__}"


def wrapped(argv: Sequence[str]) -> list[str]:
    """Return a command that runs another one of Python with the values in its environment."""
    return [argv[0], "-m", __name__, *argv]


def hand_over(client: Any, values: Mapping[str, str]) -> str:
    """Upload values for a job that is about to be submitted; return where they are."""
    name = f"pairgen_{secrets.token_hex(16)}.zip"
    data = json.dumps(dict(values)).encode()
    answer = client._do_request("PUT", f"/api/packages/{PROTOCOL}/{name}", data=data)
    if answer.status_code != 200:
        client._raise_error(answer)
    return f"{PROTOCOL}://{name}"


def take() -> None:
    """Put the values into the environment of this worker.

    Raises:
        RuntimeError: They are not there any more.
    """
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    os.environ.update(_values(internal_kv_get_gcs_client(), os.environ[KEY]))


def main() -> None:
    """Become the command in `sys.argv`, with the values in its environment."""
    import ray._raylet

    client = vars(ray._raylet)["GcsClient"](address=os.environ["RAY_ADDRESS"])
    values = _values(client, os.environ[KEY])
    where = os.environ[KEY].encode()
    client.internal_kv_put(where, json.dumps(values).encode(), True, NAMESPACE)
    os.environ.update(values)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606


def _values(client: Any, where: str) -> dict[str, str]:
    for namespace in (NAMESPACE, None):
        data = client.internal_kv_get(where.encode(), namespace)
        if data is not None:
            return dict(json.loads(data))
    raise RuntimeError(
        "The values of --env are gone: the job waited too long before it began, or the head was "
        "started again. Submit it again."
    )


if __name__ == "__main__":
    main()
