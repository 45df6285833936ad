"""Methods: how a student learns from a dataset. One file each; the manual is `base.py`."""
