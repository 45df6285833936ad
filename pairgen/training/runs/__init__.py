"""The folders of trainings: how one begins, continues, ends, and is read by others."""
