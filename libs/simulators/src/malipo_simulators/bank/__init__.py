"""A stand-in for the API of Partner bank."""
