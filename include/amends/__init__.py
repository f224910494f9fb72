"""Amends: a fast, accountable response to a fault found in a production ML model."""

__version__ = "0.1.0"
