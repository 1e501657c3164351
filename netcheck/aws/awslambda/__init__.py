"""Lambda: the network of a function."""
