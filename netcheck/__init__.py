"""netcheck: network connectivity diagnostics for Amazon MSK -> MSK Connect -> ClickHouse."""
