"""Kafka in, PostgreSQL, Kafka out: one batch is one transaction with inbox, state and outbox."""
