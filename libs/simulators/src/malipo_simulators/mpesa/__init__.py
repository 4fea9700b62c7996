"""A stand-in for the API of M-Pesa."""
