"""What happened to a payment and why: its timeline and its explanation."""
