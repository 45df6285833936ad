"""What options of every run may be."""

EXECUTORS = ("auto", "serial", "ray")
# OpenMP crashes where it cannot have as many.
MAX_CPU_THREADS = 1024
