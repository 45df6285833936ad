"""The checks of `pairgen verify`."""
