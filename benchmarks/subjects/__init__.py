"""What is measured, each a program of its own.

Arguments: BOOTSTRAP, input topic, output topic, partitions, an empty directory, and then NAME=VALUE for its settings.
On standard output it may tell how far it is, NAME NUMBER a line; it runs until it is killed.
"""
