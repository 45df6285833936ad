"""Ablations that end: named arms, seeds and step counts, one committed line for a finished run.

A pipeline declares a `Study` and calls `run_study`; `diffusion2gan_ablation.py` is the example, and
CONTRIBUTING.md says how to add one.
"""

from _arms.arm import judge_arm, train_arm
from _arms.command import run_study, study_parser
from _arms.study import Comparison, Study

__all__ = ["Comparison", "Study", "judge_arm", "run_study", "study_parser", "train_arm"]
