"""Results kept over time: a file of JSON lines, or a ClickHouse table. See docs/history.md."""
