"""Webhook endpoints: made over the API, or by a test that needs to know the secret."""
