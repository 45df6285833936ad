"""`pairgen latent-lpips`."""
