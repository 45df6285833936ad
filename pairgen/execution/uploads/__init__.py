"""Uploads of finished shards while workers make the next ones."""
