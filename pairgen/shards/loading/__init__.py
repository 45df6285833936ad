"""Load training batches from shards."""
