"""Refunds: ordered over the API or in the dashboard, some of which change their mind."""
