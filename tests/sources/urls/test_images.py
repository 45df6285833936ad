"""Images and prompts behind URLs are those of the same files here."""

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairgen import retry
from pairgen.errors import ConfigError, StoreError
from pairgen.sources import image_file
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images
from pairgen.sources.images import collect_images, header_size
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.prompt_values import PromptReader, find_prompts
from pairgen.sources.tars import unpacked
from pairgen.sources.tars.index import read_index
from pairgen.sources.urls import fetched, planned
from pairgen.sources.urls.ranges import buffered
from tests.s3_server import quiet
from tests.url_sources import NUM_IMAGES, NUM_TARS, memory, sources, web, write_sources
from tests.web_server import WebServer, web_server

pytestmark = [*quiet]
__all__ = ["memory", "sources", "web"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "CACHE", str(tmp_path / "fetched"))
    monkeypatch.setattr(unpacked, "CACHE", str(tmp_path / "unpacked"))
    image_file._tar_at.cache_clear()
    monkeypatch.setattr(retry, "PAUSES", ())
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", ())


def found(*values: str) -> tuple[list[tuple[object, ...]], str]:
    """Return everything about the images but where they are, their bytes, and what is not taken."""
    passed_over = PassedOver()
    files = list(find_images(values, passed_over=passed_over))
    facts = []
    for file in files:
        plain = replace(file, container="", object_bytes=0, object_tag="")
        facts.append((*astuple(plain), _content(file)))
    return facts, str(passed_over)


def _content(file: ImageFile) -> bytes | str:
    try:
        return file.read()
    except FileNotFoundError as error:
        return str(error.strerror)


FOLDERS = [
    "photos",
    "photos/**",
    "tars/**",
    "photos/b",
    "photos/*.png",
    "photos/**/*.png",
    "saved",
    "tars",
    "tars/*.tar",
]
FILES = ["photos/a.png", "photos/b/d e.png", "tars/00001.tar", "packed.tar.gz", "table.parquet"]


@pytest.mark.parametrize("name", [*FOLDERS, *FILES, "list.txt"])
def test_the_images_of_a_store_are_those_of_the_files(
    name: str, sources: Path, memory: str
) -> None:
    assert found(f"{memory}/{name}") == found(f"{sources}/{name}")
    assert found(f"file://{sources}/{name}") == found(f"{sources}/{name}")


@pytest.mark.parametrize("name", [*FILES[1:], "list.txt"])
def test_the_images_of_a_web_server_are_those_of_the_files(
    name: str, sources: Path, web: WebServer
) -> None:
    assert found(f"{web.url}/{name.replace(' ', '%20')}") == found(f"{sources}/{name}")


def test_braces_name_several(sources: Path, web: WebServer, memory: str) -> None:
    here = found(*(f"{sources}/tars/{number:05d}.tar" for number in range(NUM_TARS)))
    assert len(here[0]) == NUM_TARS * NUM_IMAGES
    for place in (web.url, memory, f"file://{sources}"):
        assert found(f"{place}/tars/{{00000..00002}}.tar") == here


def test_braces_that_name_one_tar_twice_give_it_once(sources: Path, memory: str) -> None:
    for place in (memory, f"file://{sources}"):
        assert len(found(f"{place}/tars/{{00000,00000}}.tar")[0]) == NUM_IMAGES


def test_names_here_and_behind_urls_are_equal(sources: Path, web: WebServer, memory: str) -> None:
    def names(value: str) -> list[str]:
        return [file.name for file in find_images([value])]

    assert names(f"{memory}/photos") == ["a.png", "b/c.png", "b/d e.png"]
    assert names(f"{web.url}/photos/b/d%20e.png") == ["d e.png"]
    assert names(f"{web.url}/tars/00000.tar")[0] == "00000.tar/000.png"


@pytest.mark.parametrize("name", ["p.txt", "p.csv", "p.jsonl.gz", "p.parquet", "p.tar"])
def test_the_prompts_behind_urls_are_those_of_the_files(
    name: str, sources: Path, web: WebServer, memory: str
) -> None:
    def prompts(place: object) -> list[str]:
        return [str(each) for each in PromptReader(find_prompts([f"{place}/prompts/{name}"]))]

    here = prompts(sources)
    assert len(here) == 4
    assert prompts(web.url) == prompts(memory) == prompts(f"file://{sources}") == here


def test_a_worker_reads_the_bytes_of_its_image_alone(web: WebServer) -> None:
    files = list(find_images([f"{web.url}/tars/00001.tar", f"{web.url}/photos/a.png"]))
    web.answers.clear()
    for file in (files[2], files[-1]):
        assert len(file.read()) == file.num_bytes
    # Two bytes say whether the tar is packed.
    assert web.num_bytes("00001.tar") <= files[2].num_bytes + 2
    assert web.num_bytes("a.png") == files[-1].num_bytes


def test_a_worker_reads_the_row_groups_of_its_images_alone(sources: Path, web: WebServer) -> None:
    size = (sources / "table.parquet").stat().st_size
    *_, file = find_images([f"{web.url}/table.parquet"])
    web.answers.clear()
    assert len(file.read()) == file.num_bytes
    # The footer takes 64 KiB at once; the group has two images of eight.
    assert web.num_bytes() <= 65_536 + 3 * file.num_bytes < size + 65_536


def test_headers_of_large_images_are_scanned_without_reading_them(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 256, (500, 500, 3), np.uint8)
        Image.fromarray(values).save(tmp_path / f"web/{number}.jpg")
    with web_server(tmp_path / "web") as server:
        files = find_images([f"{server.url}/{{0..2}}.jpg"])
        further = ("object_bytes", "object_tag")
        summary = collect_images(files, tmp_path / "l", lambda _: 1, further=further)
        assert summary.num_accepted == 3
        assert server.num_bytes() <= 3 * 65_536 < 2 * (tmp_path / "web/0.jpg").stat().st_size


@pytest.mark.parametrize("value", ["tars/{00000..00003}.tar", "gone.png", "photos", "photos/*.png"])
def test_what_is_not_there_is_named(value: str, web: WebServer) -> None:
    with pytest.raises(ConfigError) as caught:
        list(find_images([f"{web.url}/{value}"]))
    shown = f"{web.url}/{value.replace('{00000..00003}', '00003')}"
    assert shown in str(caught.value) and str(caught.value).count(". ") == 0


@pytest.mark.parametrize("value", ["gone", "gone/*.png", "photos/{a,x}.png"])
def test_what_is_not_in_a_store_is_named(value: str, memory: str) -> None:
    with pytest.raises(ConfigError, match=r"Nothing (is at|matches) 'memory://sources/"):
        list(find_images([f"{memory}/{value}"]))


def test_a_folder_with_nothing_to_read_says_what_it_holds(memory: str) -> None:
    with pytest.raises(
        ConfigError, match=r"There are no images in .*: it holds 4 samples of txt in tars, 1 \.csv"
    ):
        list(find_images([f"{memory}/prompts"]))


def test_what_may_not_be_read_is_told(web: WebServer) -> None:
    web.denied["00001.tar"] = 403
    with pytest.raises(ConfigError, match=r"00001\.tar may not be read with these credentials"):
        list(find_images([f"{web.url}/tars/{{00000..00001}}.tar"]))


def test_a_server_that_fails_is_no_missing_file(web: WebServer) -> None:
    web.denied["00001.tar"] = 503
    with pytest.raises(StoreError, match=r"00001\.tar cannot be read"):
        list(find_images([f"{web.url}/tars/00001.tar"]))


def test_a_server_without_ranges_gives_whole_files_alone(sources: Path, web: WebServer) -> None:
    web.has_ranges = False
    (file,) = find_images([f"{web.url}/photos/a.png"])
    assert file.read() == (sources / "photos/a.png").read_bytes()
    with pytest.raises(ConfigError, match="knows no ranges: download it"):
        list(find_images([f"{web.url}/table.parquet"]))


def test_a_server_that_tells_no_size_is_refused(web: WebServer) -> None:
    web.tells_size = False
    with pytest.raises(ConfigError, match="does not tell its size"):
        list(find_images([f"{web.url}/photos/a.png"]))


@pytest.mark.parametrize("name", ["tars/00001.tar", "table.parquet"])
def test_a_container_that_has_changed_ends_the_run(name: str, tmp_path: Path) -> None:
    sources = write_sources(tmp_path / "sources")
    with web_server(sources) as web:
        file, *_ = find_images([f"{web.url}/{name}"])
        path = sources / name
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        with pytest.raises(ConfigError, match=rf"{path.name} has changed: it was planned with"):
            file.read()
        path.unlink()
        with pytest.raises(ConfigError, match=rf"{path.name} has changed: .* it is gone"):
            file.read()


def test_a_changed_container_is_noticed_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planned, "SECONDS_BETWEEN_LOOKS", 0.0)
    sources = write_sources(tmp_path / "sources")
    with web_server(sources) as web:
        first, second, *_ = find_images([f"{web.url}/tars/00001.tar"])
        first.read()
        (sources / "tars/00000.tar").rename(sources / "tars/00001.tar")
        with pytest.raises(ConfigError, match="has changed"):
            second.read()


def test_an_image_that_has_changed_costs_its_samples_alone(tmp_path: Path) -> None:
    sources = write_sources(tmp_path / "sources")
    with web_server(sources) as web:
        (file,) = find_images([f"{web.url}/photos/a.png"])
        (sources / "photos/a.png").write_bytes(b"other")
        with pytest.raises(OSError, match=r"a\.png has changed: .*it is 5 bytes"):
            file.read()
        with pytest.raises(OSError, match="has changed"):
            file.num_container_bytes()


def test_what_a_listing_knows_is_not_asked_for_again(memory: str) -> None:
    files = {file.name: file for file in find_images([f"{memory}/photos"])}
    assert files["a.png"].object_bytes == files["a.png"].num_bytes
    assert files["a.png"].object_tag
    assert header_size(files["b/c.png"]).width == 64


def test_a_tar_that_may_not_be_read_is_not_called_damaged() -> None:
    def denied(start: int, stop: int) -> bytes:
        raise ConfigError("may not be read with these credentials.")

    with pytest.raises(ConfigError, match="may not be read"):
        read_index(buffered(denied, 10_000))


def test_an_unknown_protocol_and_a_missing_package_are_told() -> None:
    with pytest.raises(ConfigError, match="'foo://x' cannot be opened: Protocol not known: foo"):
        list(find_images(["foo://x"]))
    with pytest.raises(ConfigError, match=r"pip install 'pairgen\[gcs\]'"):
        list(find_images(["gs://bucket/a.tar"]))
