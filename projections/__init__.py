"""Projections say what events mean: folds of facts, and the questions one may ask of a state. Pure."""
