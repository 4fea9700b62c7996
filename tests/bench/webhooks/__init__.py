"""What the dispatcher of webhooks does alone: deliveries a second, that a bad endpoint delays no other, and that none is lost."""
