"""Read what others may have written: bounded, checked, and refused by one kind of error."""
