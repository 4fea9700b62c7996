"""Captures, cancels and refunds of payments."""
