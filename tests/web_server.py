"""A web server on this machine that serves a folder: with ranges and tags, or without."""

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

SECRET = "X-Signature=s3cr3tvalue"


@dataclass
class WebServer:
    """A running server.

    Attributes:
        url: Its URL, without a slash at the end.
        answers: Method, path, status and number of bytes of each answer.
        has_ranges: Whether it serves parts of files.
        tells_size: Whether it tells sizes.
        needs_secret: Whether a URL must have `SECRET` as its query.
        denied: Status of an answer by the end of a path; others are served.
    """

    url: str = ""
    answers: list[tuple[str, str, int, int]] = field(default_factory=list)
    has_ranges: bool = True
    tells_size: bool = True
    needs_secret: bool = False
    denied: dict[str, int] = field(default_factory=dict)

    def num_bytes(self, name: str = "") -> int:
        """Return how many bytes of files whose path ends with a name were sent."""
        return sum(sent for _, path, _, sent in self.answers if path.endswith(name))


@contextmanager
def web_server(folder: Path, address: str = "127.0.0.1") -> Iterator[WebServer]:
    """Serve a folder at an address of this machine."""
    served = WebServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            content, status = self.content(path)
            headers = {"ETag": f'"{hashlib.md5(content).hexdigest()}"'}
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked and served.has_ranges and status == 200:
                start, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
                headers["Content-Range"] = f"bytes {start}-{last}/{len(content)}"
                content, status = content[start : last + 1], 206
            self.send_response_only(status)
            if served.tells_size:
                headers["Content-Length"] = str(len(content))
            else:
                headers["Connection"] = "close"
                self.close_connection = True
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            sent = 0 if self.command == "HEAD" else self.wfile.write(content)
            served.answers.append((self.command, path, status, sent))

        do_HEAD = do_GET  # noqa: N815

        def content(self, path: str) -> tuple[bytes, int]:
            status = next((s for end, s in served.denied.items() if path.endswith(end)), 200)
            if served.needs_secret and urlsplit(self.path).query != SECRET:
                status = 403
            file = folder / path.lstrip("/")
            if status != 200 or not file.is_file():
                return b"", status if status != 200 else 404
            return file.read_bytes(), 200

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: clients hang up on what they did not ask for."""

    server = Server((address, 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host = f"[{address}]" if ":" in address else address
    served.url = f"http://{host}:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
