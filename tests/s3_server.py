"""A server that speaks S3, on this machine: moto's, and a proxy in front that breaks things."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

# Importing boto's own server takes seconds, and its modules warn.
quiet = (
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
)
# What a client of it has in its environment, beside its address.
ACCESS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}
# Decides what becomes of a request, by its method and path: a status to answer with, and the code
# of the error (0 closes the connection without an answer); None to pass it on.
Fault = Callable[[str, str], tuple[int, str] | None]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    gc.collect()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket; what every process needs to reach it is in the environment."""
    import s3fs
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    for name, value in {"AWS_ENDPOINT_URL": server, **ACCESS}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("pairs")
    yield "s3://pairs"
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
    s3fs.S3FileSystem.clear_instance_cache()
    # What the client leaves open is told when it is collected: here, not in a later test.
    gc.collect()


@contextmanager
def broken(server: str, fault: Fault) -> Iterator[str]:
    """Run a proxy that passes requests on to a server or answers with an error; yield its URL."""
    place = urlsplit(server)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if found := fault(self.command, self.path):
                status, code = found
                if not status:
                    self.close_connection = True
                    return
                told = f"<Error><Code>{code}</Code><Message>{code} by the test</Message></Error>"
                self.reply(status, {"Content-Type": "application/xml"}, told.encode())
                return
            onward = HTTPConnection(place.hostname or "", place.port)
            onward.request(self.command, self.path, body, dict(self.headers))
            got = onward.getresponse()
            self.reply(got.status, dict(got.getheaders()), got.read())
            onward.close()

        def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
            if self.command != "HEAD":
                headers = {**headers, "Content-Length": str(len(content))}
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{proxy.server_address[1]}"
    proxy.shutdown()
    proxy.server_close()
    thread.join()


class Faults:
    """What the proxy does; changed while it runs."""

    def __init__(self) -> None:
        self.now: Fault = lambda *_: None

    def __call__(self, method: str, path: str) -> tuple[int, str] | None:
        return self.now(method, path)


@pytest.fixture
def faults(server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Let all requests go through the proxy."""
    import s3fs

    found = Faults()
    with broken(server, found) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        s3fs.S3FileSystem.clear_instance_cache()
        yield found
        found.now = lambda *_: None
