"""PayPal: what it is, as data."""

from pydantic import ConfigDict

from malipo.contracts.descriptor import Details, Never, ProviderDescriptor


class PaypalCredentials(Details):
    """A merchant's account at PayPal."""

    model_config = ConfigDict(json_schema_extra={"example": {}})


# Without methods and operations nothing is paid through it. Of the traits these are the careful ones: what may have been
# sent is never sent again, and no callback is believed before a query has confirmed it.
DESCRIPTOR = ProviderDescriptor(
    name="paypal",
    title="PayPal",
    credentials=PaypalCredentials,
    methods=(),
    operations={},
    repeat=Never(),
    callbacks="hint",
)
