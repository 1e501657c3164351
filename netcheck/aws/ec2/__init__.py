"""EC2: collecting, saving and reading the network configuration, and snapshots of it."""
