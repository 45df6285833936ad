"""Datasets of (noise, prompt, latent) from a teacher's ODE."""
