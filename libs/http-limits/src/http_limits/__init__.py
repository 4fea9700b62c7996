"""What a stranger may do to our HTTP port, and to which addresses a stranger may send us. Knows nothing of payments."""
