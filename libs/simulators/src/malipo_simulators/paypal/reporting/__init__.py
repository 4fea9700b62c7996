"""Transaction search and balances: what an account's statement shows, some time after it has happened."""
