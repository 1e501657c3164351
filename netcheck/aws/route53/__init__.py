"""Route 53: private zones, Resolver rules and DNS Firewall."""
