"""The configuration of a run: options, files, environment, credentials."""
