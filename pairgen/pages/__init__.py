"""Pages to look at: one HTML file each, which opens offline."""
