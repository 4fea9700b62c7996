"""A merchant's account here: keys, credentials of providers, webhook endpoints."""
