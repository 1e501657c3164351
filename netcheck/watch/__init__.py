"""`netcheck run --watch`: the same run again and again, and what changes from one to the next."""
