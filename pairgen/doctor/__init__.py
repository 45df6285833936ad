"""What works on this machine: imports nothing that may be broken, tries all in processes apart."""
