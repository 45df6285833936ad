"""The trainer: any method's players, stepped, checkpointed and exported."""
