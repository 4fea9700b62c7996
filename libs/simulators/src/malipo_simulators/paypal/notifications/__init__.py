"""Webhooks management: subscriptions, their events, sending them again, verifying, mock events."""
