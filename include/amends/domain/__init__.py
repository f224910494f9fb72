"""Frozen records and pure rules. Standard library only: no clock, no I/O, no vendor."""
