"""ClickHouse: HTTP(S), the native protocol, the tables of the sink, ClickHouse Cloud's API."""
