"""Images and text tables, as files and terminals show them."""
