"""The lists of inputs of a set: write them, put them in place, and let them grow."""
