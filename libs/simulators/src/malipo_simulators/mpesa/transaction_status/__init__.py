"""Transaction status: what became of a transaction, by its receipt or by the conversation that made it."""
