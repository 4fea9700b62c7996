"""Orders: what a payer is asked to pay, and what is made of it once it is approved."""
