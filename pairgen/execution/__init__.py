"""How any run is carried out: workers, executors, progress."""
