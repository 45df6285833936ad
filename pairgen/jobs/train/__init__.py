"""`pairgen train`: train a student with a method."""
