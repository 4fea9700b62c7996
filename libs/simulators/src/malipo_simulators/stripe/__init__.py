"""A stateful stand-in for api.stripe.com: PaymentIntents, refunds, events and webhooks, with its own book."""
