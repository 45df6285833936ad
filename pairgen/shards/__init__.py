"""Shards on disk: formats, checks, and loading."""
