"""`pairgen doctor`."""
