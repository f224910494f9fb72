"""The demo: a lending model of our own making, broken and remedied for real."""
