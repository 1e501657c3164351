"""Lambda: the network that a function runs in."""
