"""Estimate what a run would cost, from a few samples made in memory."""
