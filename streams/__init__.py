"""Streams decide what follows: pure deciders, and the Faust shell that runs them."""
