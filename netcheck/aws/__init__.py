"""Read-only AWS API calls, by service, and the parsing of responses and snapshots."""
