"""What a run shows, says and writes of its student, by what the student makes images from."""
