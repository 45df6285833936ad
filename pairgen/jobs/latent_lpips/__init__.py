"""`pairgen train latent-lpips`: a perceptual network for latents."""
