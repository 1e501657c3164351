"""Asks AWS, read-only, by service; and reads what it answered or what was saved."""
