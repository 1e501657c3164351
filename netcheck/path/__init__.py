"""The path engine: sets of flows through a snapshot of the network. Pure."""
