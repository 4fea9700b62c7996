"""Runs what docs/operations says, as it says it, on a local stack."""
