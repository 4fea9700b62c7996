"""Control routes that every simulator has: faults, latency, requests, health, clock, reset, the book."""
