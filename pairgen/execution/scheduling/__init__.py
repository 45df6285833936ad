"""Who runs which shard. Knows neither Ray nor the clock, so that a simulation can run it."""
