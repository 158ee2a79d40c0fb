"""Measurements beside peers, in one run on one broker: `make bench`. Nothing here is imported by the product."""
