"""`pairgen train latent-lpips`: a VGG learns to classify latents, then to judge as people do."""
