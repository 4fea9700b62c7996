"""What the customers of a long run do, provider by provider."""

from chaos.customers import bank, mpesa, paypal, stripe
from chaos.customers.customer import Kind

KINDS: dict[str, Kind] = {**stripe.KINDS, **mpesa.KINDS, **paypal.KINDS, **bank.KINDS}
"""By name; the same promise holds for all."""
