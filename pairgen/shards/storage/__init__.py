"""Read and write the folder of a dataset, on a disk or behind a URL."""
