"""MSK and MSK Connect: clusters, connectors, and the lookup of a pipeline by name."""
