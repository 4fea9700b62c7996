"""Captures: money that a payer has given, or that is on its way."""
