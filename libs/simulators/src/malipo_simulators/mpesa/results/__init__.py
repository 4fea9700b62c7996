"""What is accepted at once and told later: reversals, payouts, statuses, balances, each to a URL that its request names."""
