"""Completion of the command line in a shell, made from the commands' own parsers."""
