"""The bank's conventions of HTTP: three ways to authenticate, JSON without anything unknown in it, idempotency keys, problems."""
