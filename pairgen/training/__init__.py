"""The trainer: steps, checkpoints and exports the players of any method."""
