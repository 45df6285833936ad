"""What finished shards tell of a run: how fast it went, by whom, and what failed."""
