"""The user's own code behind a set or a run: which modules it is, and whether it has changed."""
