"""Runs that are killed at random moments and taken up again: `python -m tests.survival`."""
