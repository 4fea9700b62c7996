"""The bare path: the same hops, libraries and HTTP calls as Malipo's, with no guarantee at all.

No database, no inbox, no outbox, no idempotency, no authentication: what is lost is lost. The ratio of Malipo's
processor time to this is the price of its promise.
"""
