"""The tests of the provider that is written here are run where it is laid over a new one, not here."""

collect_ignore = ["written"]
