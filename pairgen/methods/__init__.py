"""Methods: how a student learns from a dataset. One file each; the guide is in `base.py`."""
