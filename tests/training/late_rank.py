"""A rank of two: it trains; every rank but the first comes to the run's folder later."""

import json
import sys
import time

from accelerate import Accelerator

from pairgen.jobs.train.run import run_train


def main() -> None:
    # The group is joined here: the training's own Accelerator finds it, and waits for nobody.
    time.sleep(6 * Accelerator(cpu=True).process_index)
    run_train(json.loads(sys.argv[1]), say=print)


if __name__ == "__main__":
    main()
