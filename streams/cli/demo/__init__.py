"""`recado demo`: everything on one machine with a simulated provider, live traffic, and the sums checked at the end."""
