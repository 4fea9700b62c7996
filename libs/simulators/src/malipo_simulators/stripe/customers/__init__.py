"""Customers, who own saved cards."""
