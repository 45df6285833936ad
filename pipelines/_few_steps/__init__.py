"""What the studies of LADD and ADD share, and both methods without one of their parts."""
