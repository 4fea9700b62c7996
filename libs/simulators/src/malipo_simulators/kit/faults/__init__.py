"""Going wrong on request: what can go wrong, the rules that say when, and what they strike."""
