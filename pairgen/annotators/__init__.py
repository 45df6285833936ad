"""Annotators: one kind of added member or column a file."""
