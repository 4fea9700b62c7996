"""SetupIntents: cards saved without a payment."""
