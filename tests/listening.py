"""A server on this machine that is no Ray head, or answers as one does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The beginning of a gRPC server's answer: settings, of a length that counts after the head.
SETTINGS = b"\0\0\x06\4\0\0\0\0\0" + bytes(6)


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Yield the address of a server that answers each connection so; None for one that never does.

    It reads what comes first, so that no reset takes its answer back.
    """
    ended = threading.Event()
    held: list[socket.socket] = []

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            held.append(connection)
            if answer is not None:
                connection.recv(100)
                connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
            for connection in held:
                connection.close()
