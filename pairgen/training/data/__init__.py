"""What the datasets of a training have, and whether that is what it needs."""
