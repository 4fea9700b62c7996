"""Tries the whole OpenAPI of the gateway."""
