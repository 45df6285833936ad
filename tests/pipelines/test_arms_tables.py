"""Order, lines and tables of a study, as pure functions."""

import json
from pathlib import Path

import pytest
from _arms.lines import Lines, append, make_line, parse, read, select
from _arms.order import chosen_arms, ordered_runs
from _arms.session import seconds_before
from _arms.study import Comparison, Run, Study
from _arms.tables import check, compare, comparison_table, mean_table

from pairgen.errors import ConfigError
from tests.pipelines import toy_study

FACTS = {"seconds": 2.04, "device": "cpu", "versions": {"torch": "2"}}


def toy(*words: str) -> Study:
    return toy_study.study(toy_study.parser().parse_args(words))


def lines(study: Study, **totals: list[float | None]) -> Lines:
    """Return a line for each arm and seed at three steps, with these figures."""
    arms = {arm.replace(", ", "_"): arm for arm in study.arms}
    return Lines(
        tuple(
            make_line(study, study.run_of(arms[name], seed, 3), {"total": t, "never": None}, FACTS)
            for name, each in totals.items()
            for seed, t in enumerate(each)
        )
    )


def cells(table: list[str]) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    return [rows[0], *rows[2:]]


def test_seeds_come_one_after_the_other_and_first_what_must_hold():
    study = toy("--seeds=2")
    assert ordered_runs(study, study.arms) == [
        *(Run(arm, 0, steps) for steps in (3, 4) for arm in ("small", "two, large")),
        Run("floor", 0, 0),
        *(Run(arm, 1, steps) for steps in (3, 4) for arm in ("small", "two, large")),
    ]
    assert ordered_runs(toy("--steps=3", "--seeds=1"), ["floor"]) == [Run("floor", 0, 0)]


def test_arms_are_chosen_by_names_that_may_have_commas():
    assert chosen_arms("", toy_study.ARMS) == ["small", "two, large", "floor"]
    assert chosen_arms("two, large,small", toy_study.ARMS) == ["two, large", "small"]
    with pytest.raises(ConfigError, match=r"Unknown arm 'smal' \(did you mean 'small'\?\)"):
        chosen_arms("floor,smal", toy_study.ARMS)


def test_comparisons_of_what_is_not_there_are_refused():
    with pytest.raises(ConfigError, match=r"Unknown figure 'total'.*allowed: 'sum', 'never'"):
        Study(**{**vars(toy()), "comparisons": (Comparison("small", "floor", "total"),)})
    with pytest.raises(ConfigError, match="Unknown arm 'none'"):
        Study(**{**vars(toy()), "untrained": ("none",)})


def test_the_table_has_means_and_the_number_of_seeds():
    study = toy()
    found = lines(study, small=[1.0, 2.0], two_large=[3.0, None], floor=[5.0])
    assert cells(mean_table(study, select(study, found))) == [
        ["arm", "steps", "sum", "never", "seeds"],
        ["floor", "-", "5.000", "-", "1"],
        ["small", "3", "1.500", "-", "2"],
        ["two, large", "3", "-", "-", "2"],
    ]
    one = toy("--steps=3")
    assert cells(mean_table(one, select(one, found)))[2] == ["small", "1.500", "-", "2"]


def test_comparisons_have_each_seeds_difference_and_sign():
    study = toy("--steps=3")
    found = lines(study, small=[1.0, 2.5, 7.0], two_large=[3.0, 2.0], floor=[4.0])
    compared = compare(study, select(study, found))
    assert cells(comparison_table(compared)) == [
        ["should be", "figure", "by seed", "verdict"],
        ["small < floor", "sum", "-3 -1.5 +3", "holds in 2 of 3"],
        ["two, large > small", "sum", "+2 -0.5 ?", "must hold: holds in 1 of 2, 1 missing"],
    ]


@pytest.mark.parametrize(
    ("large", "said", "holds"),
    [
        ([2.0, 2.0, 2.0], "1 hold in all seeds, 0 do not, 0 lack seeds", True),
        ([2.0, 1.0, 2.0], "0 hold in all seeds, 1 do not, 0 lack seeds", False),
        ([2.0, 2.0], "0 hold in all seeds, 0 do not, 1 lack seeds", False),
        ([2.0, 1.0], "0 hold in all seeds, 1 do not, 0 lack seeds", False),
        # A run that could not tell its figure is no success.
        ([2.0, 2.0, float("nan")], "0 hold in all seeds, 1 do not, 0 lack seeds", False),
    ],
)
def test_what_must_hold_must_hold_in_all_seeds(large, said, holds):
    study = toy("--steps=3")
    done = select(study, lines(study, small=[1.0, 1.0, 1.0], two_large=large))
    assert check(compare(study, done)) == (f"Must hold: {said}.", holds)


def test_an_arm_may_have_to_be_many_times_better():
    times = Comparison("small", "floor", "sum", must_hold=True, times=3)
    study = Study(**{**vars(toy("--steps=3", "--seeds=2")), "comparisons": (times,)})
    done = select(study, lines(study, small=[1.0, 2.0], floor=[4.0]))
    assert cells(comparison_table(compare(study, done)))[1] == [
        "3 x small < floor",
        "sum",
        "-1 +2",
        "must hold: holds in 1 of 2",
    ]


def test_lines_count_only_where_all_settings_are_equal():
    study = toy("--steps=3")
    found = lines(study, small=[1.0])
    assert select(study, parse(json.dumps(found.whole[0]).encode(), "a file"))
    for other in (toy("--steps=3", "--offset=1"), toy("--steps=4"), toy("--steps=3", "--seeds=1")):
        assert bool(select(other, found)) == (other.seeds == 1)
    altered = Study(**{**vars(study), "arms": {**study.arms, "small": {"factor": 3}}})
    renamed = Study(**{**vars(study), "arms": {"two, large": {}, "floor": {}}, "comparisons": ()})
    assert not select(altered, found) and not select(renamed, found)
    # Of two lines of a run the first counts.
    twice = Lines((*found.whole, *lines(study, small=[9.0]).whole))
    assert select(study, twice) == select(study, found)


def test_a_damaged_last_line_is_dropped_when_the_next_is_appended(tmp_path: Path):
    path = tmp_path / "toy.jsonl"
    study = toy()
    first, second = lines(study, small=[1.0, 2.0]).whole
    append(path, first)
    whole = path.read_bytes()
    append(path, second)
    for cut in (1, 20, len(path.read_bytes()) - len(whole) - 2):
        path.write_bytes(whole + path.read_bytes()[len(whole) :][:cut])
        assert read(path).damaged and len(read(path).whole) == 1
        append(path, second)
        assert not read(path).damaged and len(read(path).whole) == 2
    # An editor that dropped the last line break has damaged nothing.
    path.write_bytes(whole.rstrip())
    append(path, second)
    assert len(read(path).whole) == 2


def test_other_damage_is_refused_and_nothing_is_dropped(tmp_path: Path):
    study = toy()
    line = lines(study, small=[1.0]).whole[0]
    path = tmp_path / "toy.jsonl"
    for text in ("<<<<<<< ours\n{}\n", '{"arm": "of an earlier format"}\n'):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"Line 1 of toy.jsonl is not one of a finished run"):
            append(path, line)
        assert path.read_text() == text


def test_a_line_has_every_figure_and_an_arms_own_seconds():
    study = toy()
    run = Run("small", 0, 3)
    figures = {"total": float("inf"), "never": 1, "seconds": 1.26}
    line = make_line(study, run, figures, FACTS)
    assert line["figures"] == {"total": None, "never": 1.0}
    assert line["seconds"] == 1.3
    with pytest.raises(ConfigError, match="gave no figure 'never'"):
        make_line(study, run, {"total": 1.0}, FACTS)


def test_seconds_of_stopped_sessions_are_kept_up_to_their_last_file(tmp_path: Path):
    (tmp_path / "kept").write_text("")
    written = (tmp_path / "kept").stat().st_mtime
    assert seconds_before("", tmp_path) == 0
    assert seconds_before(json.dumps({"seconds": 5, "began": written - 7}), tmp_path) == 12
    assert seconds_before(json.dumps({"seconds": 5, "began": written + 7}), tmp_path) == 5
