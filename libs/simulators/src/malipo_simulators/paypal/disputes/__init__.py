"""Disputes: payers who want their money back, by control alone; events and transaction search tell of them."""
