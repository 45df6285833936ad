"""One folder a kind of set: how a plan becomes samples."""
