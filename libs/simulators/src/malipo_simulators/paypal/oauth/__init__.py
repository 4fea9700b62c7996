"""Access tokens: handed out to apps, and ended by their age or by a test."""
