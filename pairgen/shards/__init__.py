"""Shards on disk: names, bytes, receipts, index, verification."""
