"""Teachers: a file here is a teacher, see `base.py`."""
