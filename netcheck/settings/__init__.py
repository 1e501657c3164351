"""What a user asks for: options, files, environment, credentials."""
