"""The checks of `benchmarks/gpu_check.py`, one file each.

A check is a module with `check(setting)`, a generator of rows. It runs in a process of its own and
is killed at its limit, so it yields a row as soon as it has one, the most important first. A row
that is yielded again under the same name replaces the earlier one.
"""
