"""Authorizations: money held of a payer, to be captured in one or several parts, or let go."""
