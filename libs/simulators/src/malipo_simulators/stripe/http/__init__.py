"""How Stripe reads a request: key, version, form, parameters; and how it keeps idempotency keys."""
