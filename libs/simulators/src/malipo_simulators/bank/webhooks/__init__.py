"""Webhooks: events, the endpoints that they go to, and the keys that they are signed with."""
