"""PayPal's conventions of HTTP: bearer tokens, JSON checked by its schemas, PayPal-Request-Id, Prefer, negative tests."""
