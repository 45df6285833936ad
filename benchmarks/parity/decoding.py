"""The pixels that pairgen decodes beside those of other decoders.

    python benchmarks/parity/decoding.py

Prints a Markdown table: formats, depths, orientations, profiles and kinds of alpha, each written by
one library, decoded by pairgen and by another library (tifffile for TIFF, OpenCV, libraries of
their own for AVIF and JPEG XL) or computed by a formula, and the largest difference in levels of 8
bits. More than what a row allows is exit code 1. Needs the packages of `pairgen[images,test]`; rows
of packages that are missing say so.
"""

import sys

from pairgen.sources.photographs import UnusableImageError
from tests.hostile.pixels.second_decoders import difference
from tests.hostile.pixels.truth import cases


def main() -> int:
    print("| file | second decoder | allowed | largest difference, levels |\n|---|---|---|---|")
    num_wrong = 0
    for case in cases():
        if isinstance(case, str):
            print(f"| {case} | | | not run |")
            continue
        try:
            found = difference(case)
            told = f"{found:.2f}"
        except ImportError as error:
            print(f"| {case.name} | {error} | | not run |")
            continue
        except UnusableImageError as error:
            found, told = float("inf"), f"refused: {error}"
        num_wrong += found > case.allowed
        wrong = "" if found <= case.allowed else " **more**"
        print(f"| {case.name} | {case.second} | {case.allowed:g} | {told}{wrong} |")
    return int(num_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
