"""Daraja's conventions of HTTP: bearer tokens, JSON bodies, fields that may be number or text, its errors' envelope."""
