"""Shortcodes, PayBills and tills: all exist, and a test may say more about one."""
