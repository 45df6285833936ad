"""What the studies of restoration compare their methods with."""
