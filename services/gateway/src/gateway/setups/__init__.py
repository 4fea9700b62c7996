"""Methods that are saved without a payment: what is asked for, and how it is accepted."""
