"""A store that cannot always be asked: what is finished is never replaced, withdrawn or doubted."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pairgen
from pairgen import retry
from pairgen.errors import PairgenError, PlanMismatchError, StoreError
from pairgen.shards.storage import read_ahead
from tests.flaky_store import FlakyFileSystem, contents, install

ODE = {
    "model": "gaussian",
    "cfg": 2,
    "steps": 2,
    "num_samples": 8,
    "samples_per_shard": 2,
    "batch_size": 2,
}
DEGRADE = {
    "degradation": "bicubic",
    "scales": 2,
    "crop": 64,
    "samples_per_image": 2,
    "samples_per_shard": 2,
}
URL = "flaky://set"
EVERY = range(1, 41)


@pytest.fixture(params=[False, True], ids=["before the deed", "after it"])
def flaky(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[FlakyFileSystem]]:
    """The store, empty and sound; calls that fail do so before or after their deed, for good."""
    store = install()
    monkeypatch.setattr(retry, "PAUSES", ())
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", ())
    store.after = request.param
    yield store
    install()


def make_ode(**options: Any) -> Any:
    return pairgen.ode(**{**ODE, **options}, out=URL)


def make_degraded(**options: Any) -> Any:
    return pairgen.degrade(**{**DEGRADE, **options}, out=URL)


def continue_ode() -> Any:
    """The documented short form: options come from the plan, if it is seen."""
    return pairgen.ode(model="gaussian", out=URL)


def continue_degraded() -> Any:
    return pairgen.degrade(out=URL)


def repair() -> Any:
    return pairgen.repair(URL)


def verify() -> Any:
    report = pairgen.verify(URL)
    # What could not be read may be sound: it is not for repair.
    assert not report.bad_shards, report.table()
    assert report.clean or set(report.num_by_kind) <= {"not read"}, report.table()


def finished(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return plan, receipts, and the tars and index files that have a receipt."""
    receipts = {path for path in files if path.startswith("/set/__meta__/shards/")}
    stems = {path.rpartition("/")[2].removesuffix(".json") for path in receipts}
    shards = {f"/set/train/{stem}.tar" for stem in stems}
    shards |= {f"/set/__meta__/index/{stem}.parquet" for stem in stems}
    kept = {"/set/__meta__/plan.yaml", *receipts, *shards}
    return {path: data for path, data in files.items() if path in kept}


def disturbed(flaky: type[FlakyFileSystem], every: int, act: Callable[[], Any]) -> bool:
    """Do something while every k-th call fails; return whether it came to its end."""
    flaky.every, flaky.num_calls = every, 0
    try:
        act()
    except (StoreError, PlanMismatchError):
        return False
    finally:
        flaky.every = 0
    return True


@pytest.mark.parametrize(
    ("make", "acts"),
    [
        (make_ode, (continue_ode, lambda: make_ode(seed=9, steps=3), verify, repair)),
        (make_degraded, (continue_degraded, lambda: make_degraded(seed=9), verify, repair)),
    ],
    ids=["ode", "degrade"],
)
@pytest.mark.timeout(600)
def test_a_finished_set_stays_whatever_call_fails(
    flaky: type[FlakyFileSystem], make: Callable[[], Any], acts: tuple[Callable[[], Any], ...]
) -> None:
    make()
    before = finished(contents("/set/"))
    assert len(before) >= 1 + 3 * 3
    for act in acts:
        for every in EVERY:
            disturbed(flaky, every, act)
            after = finished(contents("/set/"))
            # `seconds` of a plan and its like do not change: every byte is that of before.
            assert after == before, (every, act)


@pytest.mark.parametrize("make", [make_ode, make_degraded], ids=["ode", "degrade"])
@pytest.mark.timeout(600)
def test_shards_finished_between_failures_stay(
    flaky: type[FlakyFileSystem], make: Callable[[], Any]
) -> None:
    """The same command again and again, as a user would: what has a receipt is never touched."""
    make()
    whole = {path: data for path, data in contents("/set/").items() if path.endswith(".tar")}
    for every in EVERY:
        flaky.store.clear()
        standing: dict[str, bytes] = {}
        for _ in range(40):
            done = disturbed(flaky, every, make)
            now = finished(contents("/set/"))
            shards = {path: data for path, data in standing.items() if "plan.yaml" not in path}
            assert {path: now.get(path) for path in shards} == shards, every
            # Every run fails at the same calls, so one that has changed nothing is the last.
            stuck, standing = now == standing, now
            if done or stuck:
                break
        # Often enough something is finished between two failures, and then all is.
        if done:
            tars = {path: data for path, data in standing.items() if path.endswith(".tar")}
            assert tars == whole, every
        # The last call of a shard is its 21st, or the 22nd if the next one has begun meanwhile: it
        # must be done before a call fails, or by it.
        assert done or every < (22 if flaky.after else 23)


@pytest.mark.timeout(600)
def test_only_the_damaged_shard_is_made_again(flaky: type[FlakyFileSystem]) -> None:
    make_ode()
    before = contents("/set/")
    for every in EVERY:
        flaky.store["/set/train/00002.tar"].seek(600)
        flaky.store["/set/train/00002.tar"].write(b"damaged")
        last: dict[str, bytes] = {}
        for _ in range(40):
            done = disturbed(flaky, every, repair)
            now = contents("/set/")
            for number in (0, 1, 3):
                tar, receipt = f"train/0000{number}.tar", f"__meta__/shards/0000{number}.json"
                for path in (f"/set/{tar}", f"/set/{receipt}"):
                    assert now[path] == before[path], (every, path)
            stuck, last = now == last, now
            if done or stuck:
                break
        repair()
        assert contents("/set/train/") == {p: d for p, d in before.items() if "/train/" in p}


def test_a_plan_that_cannot_be_seen_is_not_a_plan_that_is_not_there(
    flaky: type[FlakyFileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ode()
    before = contents("/set/")
    info = flaky.info

    def unseen(self: FlakyFileSystem, path: str, **kwargs: Any) -> Any:
        if path.endswith("plan.yaml"):
            raise PermissionError("AccessDenied")
        return info(self, path, **kwargs)

    monkeypatch.setattr(flaky, "info", unseen)
    for act in (continue_ode, verify, repair, lambda: make_ode(seed=9)):
        with pytest.raises(PairgenError, match=r"plan\.yaml could not be read.*AccessDenied"):
            act()
    assert contents("/set/") == before


@pytest.mark.parametrize("every", [4, 5, 7])
def test_tries_again_carry_a_run_over_every_failure(
    every: int, flaky: type[FlakyFileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ode()
    expected = finished(contents("/set/"))
    flaky.store.clear()
    monkeypatch.setattr(retry, "PAUSES", (0.0,))
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", (0.0,))
    # Of calls at once, the second try of one may be the next to fail.
    monkeypatch.setattr(read_ahead, "NUM_THREADS", 1)
    assert disturbed(flaky, every, make_ode)
    assert flaky.num_calls > 10 * every
    found = finished(contents("/set/"))
    tars = [path for path in expected if path.endswith((".tar", ".parquet"))]
    assert len(tars) == 8 and all(found[path] == expected[path] for path in tars)
    verify()
