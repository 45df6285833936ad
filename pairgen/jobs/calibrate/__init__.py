"""`pairgen calibrate`."""
