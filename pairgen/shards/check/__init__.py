"""What `pairgen verify` looks at."""
