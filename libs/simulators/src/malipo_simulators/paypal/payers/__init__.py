"""Payers: who is sent to PayPal approves, refuses or takes another card, by hand, by script or by itself."""
