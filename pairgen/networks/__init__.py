"""Networks that losses need and teachers do not provide."""
