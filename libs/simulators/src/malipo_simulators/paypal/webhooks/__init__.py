"""Notifications: events, the webhooks they go to, and the certificates that they are signed with."""
