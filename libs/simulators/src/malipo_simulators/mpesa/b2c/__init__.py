"""Business to customer: a payout to somebody's phone, at most once for each conversation that its client names."""
