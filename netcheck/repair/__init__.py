"""The narrowest changes that open a path, verified on a copy of the configuration. Pure."""
