"""Payments: accepted, kept as merchants see them, read and listed."""
