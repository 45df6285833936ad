"""`pairgen train latent-lpips`: train a perceptual network for latents."""
