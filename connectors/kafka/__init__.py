"""The broker: an embedded one, topics, a publisher, and how a secured cluster is reached."""
