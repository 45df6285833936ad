"""What a plan of a stranger may hold."""
