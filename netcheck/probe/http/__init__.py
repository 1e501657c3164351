"""HTTP: one request and its answer; AWS service endpoints."""
