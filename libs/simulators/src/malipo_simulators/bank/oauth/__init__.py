"""Access tokens: handed out to clients, and ended by their age or by a test."""
