"""The table of the ablation, from lines of runs."""

import json
import re
from argparse import Namespace

import diffusion2gan_ablation as ablation

NUMBERS = {"steps": 300, "batch_size": 16, "lr": 3e-4, "num_pairs": 1024, "num_held_out": 512}


def test_the_table_has_the_mean_and_count_of_seeds_of_each_arm(tmp_path, capsys):
    path = tmp_path / "runs.jsonl"
    figures = dict.fromkeys(ablation.FIGURES.values(), 1.0)
    lines = [
        {"arm": "MSE", "seed": 0, **NUMBERS, **figures, "frechet_distance": 2.0},
        {"arm": "MSE", "seed": 1, **NUMBERS, **figures, "diversity_within": None},
        {"arm": "L1", "seed": 0, **NUMBERS, **figures},
        {"arm": "L1", "seed": 1, **NUMBERS, **figures, "steps": 9},
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    ablation.print_table(Namespace(results=path, **NUMBERS))
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in capsys.readouterr().out.splitlines()
    ]
    assert table[0] == ["arm", *ablation.FIGURES, "seeds"]
    assert table[2:] == [
        ["MSE", "1.500", "1.000", "1.000", "1.000", "-", "2"],
        ["L1", "1.000", "1.000", "1.000", "1.000", "1.000", "1"],
    ]


def test_each_arm_has_a_folder_of_its_own():
    names = [ablation.folder_name(arm) for arm in ablation.ARMS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_the_committed_lines_are_of_known_arms_and_each_run_stands_once():
    lines = [json.loads(line) for line in ablation.RESULTS.read_text().splitlines()]
    runs = [(each["arm"], each["seed"], each["steps"], each["lr"]) for each in lines]
    assert len(set(runs)) == len(runs)
    assert {each["arm"] for each in lines} <= set(ablation.ARMS)
    assert all(each["frechet_distance"] > 0 for each in lines)
