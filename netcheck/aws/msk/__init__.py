"""MSK and MSK Connect: clusters, connectors, and looking a pipeline up by name."""
