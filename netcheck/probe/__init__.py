"""Probes of the network, by protocol. A probe returns a frozen observation, also of a network fault."""
