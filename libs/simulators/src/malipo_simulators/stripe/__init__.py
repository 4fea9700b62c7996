"""A stand-in for api.stripe.com: one room for each noun of its API, above what they share."""
