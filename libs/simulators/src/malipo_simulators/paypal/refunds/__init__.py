"""Refunds: money on its way back to payers."""
