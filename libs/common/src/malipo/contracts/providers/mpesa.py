"""M-Pesa: what it is, as data."""

from pydantic import ConfigDict

from malipo.contracts.descriptor import Details, Never, ProviderDescriptor


class MpesaCredentials(Details):
    """A merchant's account at M-Pesa."""

    model_config = ConfigDict(json_schema_extra={"example": {}})


# Without methods and operations nothing is paid through it. Of the traits these are the careful ones: what may have been
# sent is never sent again, and no callback is believed before a query has confirmed it.
DESCRIPTOR = ProviderDescriptor(
    name="mpesa",
    title="M-Pesa",
    credentials=MpesaCredentials,
    methods=(),
    operations={},
    repeat=Never(),
    callbacks="hint",
)
