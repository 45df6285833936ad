"""What every set made from images shares: its options, crops, and the pixels of its sources."""
