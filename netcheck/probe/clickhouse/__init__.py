"""ClickHouse: HTTPS, the native protocol, the tables of the sink, ClickHouse Cloud."""
