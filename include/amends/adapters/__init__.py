"""The world behind the ports. Vendors are imported inside functions."""
