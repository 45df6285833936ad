"""LADD without one of its parts: what that part is worth."""
