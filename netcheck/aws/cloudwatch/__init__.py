"""CloudWatch Logs: the worker log."""
