"""One folder a command: what can be asked, and what the command does."""
