"""Running tasks: workers, executors, progress."""
