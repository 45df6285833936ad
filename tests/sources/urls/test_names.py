"""Names behind URLs: odd ones are no secrets, and those in a list lead nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from pairgen.errors import ConfigError
from pairgen.filesystems import open_filesystem
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images
from pairgen.sources.prompt_values import find_prompts
from pairgen.sources.urls import addresses
from tests.s3_server import quiet
from tests.url_sources import png
from tests.web_server import web_server

pytestmark = [*quiet]

ODD = ("a#b=c.png", "a#b=d.png", "w?1.png", "w?2.png", "x@y:z@.png", "%20 {a,b}.png")


@pytest.fixture
def memory() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    for number, name in enumerate(ODD):
        files.pipe_file(f"/bucket/odd/{name}", png(number))
    files.pipe_file("/elsewhere/secret.png", png(99))
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)
    files.rm("/elsewhere", recursive=True)


@pytest.mark.parametrize("value", ["odd", "odd/*", "**"])
def test_listed_names_that_look_like_queries_are_read_and_kept_apart(
    value: str, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_addresses", {})
    files = list(find_images([f"{memory}/{value}"]))
    assert sorted(Path(file.name).name for file in files) == sorted(ODD)
    # Another process, which continues the set, knows what is recorded alone.
    assert not addresses.known_addresses()
    for file in files:
        assert file.container == f"{memory}/odd/{Path(file.name).name}"
        assert file.read() == png(ODD.index(Path(file.name).name))


def test_what_may_be_a_secret_in_a_typed_url_is_cut_from_all_below_it(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_addresses", {})
    for number in range(2):
        fsspec.filesystem("memory").pipe_file(f"/bucket/in?token=T/{number}.png", png(number))
    files = list(find_images([f"{memory}/in?token=T"]))
    assert [file.container for file in files] == [f"{memory}/in?***/{n}.png" for n in range(2)]
    assert [file.read() for file in files] == [png(number) for number in range(2)]


def test_two_colons_are_no_chain_of_urls(memory: str) -> None:
    assert open_filesystem("s3://bucket/a::file:///b.png")[1] == "bucket/a::file:///b.png"
    with pytest.raises(ConfigError, match="is a chain of URLs"):
        find_prompts([f"{memory}/odd/a::file:///b.txt"])


def test_a_store_may_be_a_chain_of_urls() -> None:
    files, path = open_filesystem("simplecache::memory://bucket/set")
    assert type(files).__name__ == "SimpleCacheFileSystem" and path == "/bucket/set"


def test_an_ipv6_address_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    with web_server(tmp_path, "::1") as web:
        (file,) = find_images([f"{web.url}/a.png"])
        assert file.read() == png(1)


@pytest.mark.parametrize("line", ["https://me:hunter22@host/a.png", "s3://host/a.png?key=hunter22"])
def test_a_list_with_a_url_is_refused_without_its_secrets(line: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"a.png\n{line}\n")
    with pytest.raises(ConfigError, match=r"^Line 2 of .*list\.txt is a URL") as caught:
        list(find_images([str(tmp_path / "list.txt")]))
    assert "hunter22" not in str(caught.value) and str(caught.value).count(". ") == 0


def test_a_list_does_not_lead_out_of_its_bucket(memory: str) -> None:
    fsspec.filesystem("memory").pipe_file(
        "/bucket/odd/list.txt", b"../../elsewhere/secret.png\n../odd/w?1.png\n"
    )
    out, inside = find_images([f"{memory}/odd/list.txt"])
    assert out.container == f"{memory}/elsewhere/secret.png"
    with pytest.raises(FileNotFoundError):
        out.read()
    assert inside.read() == png(ODD.index("w?1.png"))


def test_a_list_does_not_lead_to_another_host(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("../../169.254.169.254/meta.png\n")
    with web_server(tmp_path) as web:
        (file,) = find_images([f"{web.url}/list.txt"])
        assert isinstance(file, ImageFile)
        assert file.container == f"{web.url}/169.254.169.254/meta.png"
        assert [path for _, path, status, _ in web.answers if status == 404]
