"""TCP and what lies under every protocol: sockets, errors, isolation of foreign code."""
