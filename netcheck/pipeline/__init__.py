"""The pipeline as it is configured: connector, cluster, sink settings, listeners, required services. Pure."""
