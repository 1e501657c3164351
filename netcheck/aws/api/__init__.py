"""Calls to AWS: sessions, bounded calls, and the reasons of failed calls."""
