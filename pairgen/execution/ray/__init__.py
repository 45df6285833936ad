"""Run tasks on Ray: the executor, its actors, its options and the token of a cluster."""
