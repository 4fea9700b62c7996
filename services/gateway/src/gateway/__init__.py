"""The merchants' REST API: authenticates, accepts commands, serves read models."""
