"""TLS: handshakes, certificates, trust stores, streams."""
