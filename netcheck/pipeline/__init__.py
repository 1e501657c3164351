"""The configured pipeline: connector, cluster, sink settings, listeners, required services. Pure."""
