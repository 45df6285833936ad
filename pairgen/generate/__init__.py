"""Generation: plan, slots, samples, workers, executors."""
