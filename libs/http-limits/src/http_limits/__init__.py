"""Limits of what any client may do to our HTTP port, and of the addresses it may have us call. Knows no payment."""
