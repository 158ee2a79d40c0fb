"""The crash proof: real workers killed at seeded moments, and a judge that knows only what went in and came out."""
