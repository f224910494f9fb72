"""Numbers: digests of windows and what is computed from them. No vendor, no I/O."""
