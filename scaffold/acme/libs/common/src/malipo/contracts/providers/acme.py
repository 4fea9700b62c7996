"""Acme Pay: what it is, as data."""

from pydantic import ConfigDict

from malipo.contracts.descriptor import Details, Never, ProviderDescriptor


class AcmeCredentials(Details):
    """A merchant's account at Acme Pay."""

    model_config = ConfigDict(json_schema_extra={"example": {}})


# Without methods and operations nothing is paid through it. Of the traits these are the careful ones: what may have been
# sent is never sent again, and no callback is believed before a query has confirmed it.
DESCRIPTOR = ProviderDescriptor(
    name="acme",
    title="Acme Pay",
    credentials=AcmeCredentials,
    methods=(),
    operations={},
    repeat=Never(),
    callbacks="hint",
)
