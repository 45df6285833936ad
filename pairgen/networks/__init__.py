"""Networks that losses need and no teacher brings."""
