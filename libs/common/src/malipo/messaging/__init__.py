"""Kafka in, PostgreSQL, Kafka out: one batch is one unit of inbox, state and outbox."""
