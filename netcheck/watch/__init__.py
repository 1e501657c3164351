"""`netcheck run --watch`: repeats a run and reports what changes from one to the next."""
