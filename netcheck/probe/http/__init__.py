"""HTTP: one request and its response; AWS service endpoints."""
