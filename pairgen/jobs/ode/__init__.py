"""`pairgen ode`."""
