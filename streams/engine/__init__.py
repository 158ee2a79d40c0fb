"""The only code that leans on Faust's inside: whole fetches to pipelines, take-over instead of Faust's recovery.

What it leans on, name by name, is held by tests/streams/engine/test_faust_inside.py, which fails by that name when a
Faust or aiokafka release changes it.
"""
