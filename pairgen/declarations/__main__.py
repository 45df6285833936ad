"""`python -m pairgen.declarations`: write the generated files; with `--check`, only name them."""

import argparse
import sys

from pairgen.declarations.files import stale


def main() -> int:
    """Write the files that are out of date; with `--check`, return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m pairgen.declarations", description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit with 1 if stale.")
    check = parser.parse_args().check
    files = stale()
    for path, text in files.items():
        sys.stdout.write(f"{path} is {'not up to date' if check else 'written'}.\n")
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(files))


if __name__ == "__main__":
    sys.exit(main())
