"""Tries docker-compose.yml with a Docker engine: payments, replicas, an upgrade, stores that stop, and that nothing is left."""
