"""Refunds: made over the API or in the dashboard; some change after they were made."""
