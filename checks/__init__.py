"""The checks: one file for each concern. `netcheck.engine.plugins` finds every class in here by itself."""
