"""EC2: collecting, saving and reading the network configuration; snapshots."""
