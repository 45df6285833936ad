"""`python -m pairgen`."""

from pairgen.cli import main

main()
