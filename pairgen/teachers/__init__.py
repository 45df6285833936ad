"""Teachers: each file here is a teacher, see `base.py`."""
