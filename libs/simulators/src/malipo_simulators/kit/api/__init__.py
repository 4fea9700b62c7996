"""The simulated API: one request from arrival to answer, and what a fault does to it."""
