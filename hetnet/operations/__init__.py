"""Operating the network on its twins: what is wrong, where, and what to do about it."""
