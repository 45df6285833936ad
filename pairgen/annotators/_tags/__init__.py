"""Where the tags of `tags` come from: one source a file."""

MEMBER = "tag.txt"
