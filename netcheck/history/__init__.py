"""Results over time, in a file of JSON lines or a ClickHouse table. See docs/history.md."""
