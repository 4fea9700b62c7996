"""Reversals: money of a customer's payment goes back, at the wish of the organisation that received it."""
