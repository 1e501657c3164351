"""netcheck: network connectivity diagnostics for Amazon MSK -> MSK Connect -> ClickHouse."""

from netcheck.core import legacy_imports

legacy_imports.install()
