"""The options that the studies on painted pictures share."""

import argparse


def add_options(parser: argparse.ArgumentParser, *, lr: float, num_held_out: int = 1024) -> None:
    """Add numbers of pictures, batch size, learning rate and threads.

    Args:
        parser: The parser of a study.
        lr: The learning rate unless another is given.
        num_held_out: The number of held-out pictures unless another is given.
    """
    parser.add_argument("--num-pairs", type=int, default=2048)
    parser.add_argument("--num-held-out", type=int, default=num_held_out)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--cpu-threads", type=int, default=1)
