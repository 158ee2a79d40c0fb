"""Connectors touch the world: Kafka, providers, HTTP, SQL, files. Nothing here decides."""
