"""DNS: name resolution on this host, and the answers of each name server."""
