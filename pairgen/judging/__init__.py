"""Judge models by held-out pairs: what `pairgen eval` and `pairgen compare` share."""
