"""What an execution role needs, and what its policies decide. Pure."""
