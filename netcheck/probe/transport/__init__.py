"""TCP, and what every protocol uses: sockets, errors, isolation of third-party code."""
