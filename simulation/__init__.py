"""A world in one process, driven by one seed: the product's own commit protocol and send path over a simulated Kafka,
disk, provider, clock and group, with a fault possible at every step. No asyncio, no thread, no wall clock."""
