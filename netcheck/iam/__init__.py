"""What an execution role needs, and what its policies allow. Pure."""
