"""Webhooks on their way out: posted, retried, and spoilt on request."""
