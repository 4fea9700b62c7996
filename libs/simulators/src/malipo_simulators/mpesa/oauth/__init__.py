"""Access tokens: handed out to apps, killed by the next one, by their age, or by a test."""
