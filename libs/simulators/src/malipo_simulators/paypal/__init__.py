"""A stand-in for api-m.paypal.com: one room for each noun of its API, above what they share."""
