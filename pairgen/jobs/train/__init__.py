"""`pairgen train`: a method teaches a student."""
