"""`pairgen degrade`."""
