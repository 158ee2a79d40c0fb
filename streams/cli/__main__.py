"""`python -m streams.cli`: the same as `recado`, for child processes."""

from streams.cli.main import main

main()
