"""Stateful stand-ins for a payment provider and a merchant, each usable alone."""
