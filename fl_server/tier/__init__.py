"""Cluster heads on machines of their own: what a head does, and how the server above them meets them."""
