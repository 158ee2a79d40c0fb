"""What is measured, each a program of its own: BOOTSTRAP, input topic, output topic, partitions as arguments."""
