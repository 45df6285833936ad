"""What can be asked of the painter; imports nothing, since options are declared with it."""

# Sources of images that the package holds.
PAINTED, PHOTOGRAPHS = "package:painted", "package:photographs"
# The compositions that the teacher `tiny` was trained on, and those that it never saw.
SPLITS = ("train", "held-out")
# Sides of pictures in pixels: in larger ones, cut-outs would be enlarged.
MIN_SIDE, MAX_SIDE = 16, 128
