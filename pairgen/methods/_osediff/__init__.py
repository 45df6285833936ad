"""Parts of OSEDiff."""
