"""`pairgen doctor`: what works on this machine."""
