"""A stand-in for Safaricom's Daraja, the API of M-Pesa in Kenya."""
