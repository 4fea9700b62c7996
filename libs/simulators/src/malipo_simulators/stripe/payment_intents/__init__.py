"""PaymentIntents: their operations, their life, and what the customer sees of them."""
