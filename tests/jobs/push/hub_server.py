"""A hub on this machine: what `huggingface_hub` asks to make, fill and list a repository.

Small texts are kept by git, other files as large files, as on the hub. `TOKEN` may write to
repositories of `me`, `READER` to none, and other tokens are not accepted.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, READER = "hf_writer_of_this_test", "hf_reader_of_this_test"
LARGE = (".tar", ".parquet", ".arrow", ".safetensors", ".png")
_API = re.compile(r"/api/(?P<kind>dataset|model)s/(?P<id>[^/]+/[^/]+)(?P<rest>/.*)?")
_BATCH = re.compile(r"/(?P<datasets>datasets/)?(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
_FILE = re.compile(r"/(?P<datasets>datasets/)?(?P<id>[^/]+/[^/]+)/resolve/[^/]+/(?P<path>.+)")


@dataclass
class Repo:
    """A repository: its files, and what each commit brought."""

    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.tar lfs\n"})
    commits: list[list[str]] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return hashlib.sha1(repr(len(self.commits)).encode()).hexdigest()


class Hub(ThreadingHTTPServer):
    """Repositories by kind and id, and the large files that were sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}
        self.sent: list[str] = []
        # Number of commits after which the hub is out of order.
        self.breaks_after = 10**9

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve an empty hub in a thread."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


def git_oid(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        """Tell about a repository, list its files, or give one."""
        path = self.path.split("?")[0]
        if found := _API.fullmatch(path):
            repo = self.repo(found["kind"], found["id"])
            if repo is None:
                return
            rest = found["rest"] or ""
            if rest.startswith("/tree/"):
                self.json(200, [self.entry(*each) for each in sorted(repo.files.items())])
            else:
                facts = {"id": found["id"], "sha": repo.sha, "private": repo.private}
                self.json(200, {**facts, "siblings": [], "tags": []})
        elif found := _FILE.fullmatch(path):
            repo = self.repo("dataset" if found["datasets"] else "model", found["id"])
            if repo is None:
                return
            content = repo.files[found["path"]]
            self.reply(200, content, {"ETag": f'"{git_oid(content)}"', "X-Repo-Commit": repo.sha})
        else:
            self.json(404, {"error": "no such page"})

    def do_PUT(self) -> None:
        """Take a large file."""
        content = self.body()
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(content).hexdigest() == oid
        self.server.large[oid] = content
        self.server.sent.append(oid)
        self.json(200, {})

    def do_POST(self) -> None:
        """Make a repository, say how files are sent, or commit."""
        body, path = self.body(), self.path.split("?")[0]
        if path == "/api/validate-yaml":
            text = json.loads(body)["content"]
            wrong = "license: nonsense" in text
            said = [{"message": '"license" must be one of a list'}] if wrong else []
            self.json(400 if wrong else 200, {"errors": said, "warnings": []})
        elif path == "/api/repos/create":
            self.create(json.loads(body))
        elif found := _BATCH.fullmatch(path):
            if self.may_write(found["id"]):
                self.json(
                    200, {"objects": [self.action(each) for each in json.loads(body)["objects"]]}
                )
        elif found := _API.fullmatch(path):
            repo = self.repo(found["kind"], found["id"])
            if repo is None or not self.may_write(found["id"]):
                return
            if found["rest"].startswith("/preupload/"):
                self.json(200, {"files": [self.mode(each) for each in json.loads(body)["files"]]})
            elif len(repo.commits) >= self.server.breaks_after:
                self.json(501, {"error": f"out of order for {self.headers['Authorization']}"})
            else:
                self.commit(repo, [json.loads(line) for line in body.splitlines()])
        else:
            self.json(404, {"error": "no such page"})

    def create(self, asked: dict[str, Any]) -> None:
        repo_id = f"{asked.get('organization')}/{asked['name']}"
        if not self.may_write(repo_id):
            return
        kind = asked.get("type", "model")
        private = asked.get("private", asked.get("visibility") == "private")
        self.server.repos.setdefault((kind, repo_id), Repo(private))
        inside = "datasets/" if kind == "dataset" else ""
        self.json(200, {"url": f"{self.server.url}/{inside}{repo_id}"})

    def commit(self, repo: Repo, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del repo.files[value["path"]]
        repo.commits.append([each["value"].get("path", "") for each in lines[1:]])
        page = self.path.removeprefix("/api").removeprefix("/models")
        self.json(200, {"commitUrl": f"{self.server.url}{page}", "commitOid": repo.sha})

    def repo(self, kind: str, repo_id: str) -> Repo | None:
        """Return a repository; answer, and return None, if the token may not see it."""
        if self.token not in ("", TOKEN, READER):
            error = "Invalid credentials in Authorization header"
            self.json(401, {"error": error}, {"X-Error-Message": error})
            return None
        repo = self.server.repos.get((kind, repo_id))
        if repo is None or (repo.private and not self.token):
            self.json(401 if not self.token else 404, {}, {"X-Error-Code": "RepoNotFound"})
            return None
        return repo

    def may_write(self, repo_id: str) -> bool:
        if self.token == TOKEN and repo_id.startswith("me/"):
            return True
        error = f"You don't have the rights to write to {repo_id.split('/')[0]}"
        self.json(403, {"error": error}, {"X-Error-Message": error})
        return False

    @property
    def token(self) -> str:
        return (self.headers["Authorization"] or "").removeprefix("Bearer ")

    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
        if path.endswith(LARGE):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
        return entry

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        is_large = file["path"].endswith(LARGE)
        return {
            "path": file["path"],
            "uploadMode": "lfs" if is_large else "regular",
            "shouldIgnore": False,
        }

    def action(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["oid"] in self.server.large:
            return asked
        upload = {"href": f"{self.server.url}/large/{asked['oid']}"}
        return {**asked, "actions": {"upload": upload}}

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        self.reply(status, json.dumps(data).encode(), headers or {})

    def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""
