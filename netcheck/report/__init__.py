"""What a person or a program reads: one module a format, each a pure function of a report."""
