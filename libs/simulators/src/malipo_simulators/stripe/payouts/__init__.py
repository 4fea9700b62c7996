"""Payouts of the balance to the merchant's bank."""
