"""Sampling the ODE: parameterization, grid, solvers, guidance, sampler. Knows no model."""
