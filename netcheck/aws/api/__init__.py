"""How AWS is asked: sessions, bounded calls, and why a call failed."""
