"""What `benchmarks/chaos.py` breaks, and the two ways of running that it breaks."""
