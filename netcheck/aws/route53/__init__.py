"""Route 53: private hosted zones, Resolver rules and DNS Firewall."""
