"""The loop that steps players, and what it needs."""
