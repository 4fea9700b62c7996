"""A stand-in for the API of Acme Pay."""
