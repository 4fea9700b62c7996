"""Pull Transactions: what a shortcode was paid in the last 48 hours, whether or not a callback told it."""
