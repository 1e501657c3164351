"""DNS: what this host resolves, and what each name server answers."""
