"""Malipo's webhook-dispatcher: tells merchants what happened to their payments, signed, in order, until they have it."""
