"""Deciders: event and state in, facts out. Pure: time, ids and settings are arguments."""
