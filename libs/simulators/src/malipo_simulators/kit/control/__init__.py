"""Control routes that every simulator has: faults, requests, health, clock, reset, the book."""
