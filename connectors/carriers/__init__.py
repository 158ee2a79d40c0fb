"""Those who carry an SMS: the port (base), Instasent, and one in memory for tests, demos and simulation."""
