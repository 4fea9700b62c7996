"""PaymentMethods: cards, and whose they are."""
