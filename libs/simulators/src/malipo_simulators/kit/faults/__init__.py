"""Going wrong on request: what can go wrong, the rules for when it does, and what they strike."""
