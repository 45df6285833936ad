"""Sample the ODE: parameterization, grid, solvers, guidance, sampler. Independent of models."""
