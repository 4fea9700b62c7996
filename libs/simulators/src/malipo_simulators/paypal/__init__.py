"""A stand-in for the API of PayPal."""
