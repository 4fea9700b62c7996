"""What a provider's service tells of a merchant's account there: what has been registered of it. Keyed by credential id."""

import msgspec

from malipo.contracts.message import Message, Moment


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the provider wants to be registered once, such as where payments by hand are confirmed."""

    name: str
    registered_at: Moment


class AccountRegistered(Message, frozen=True, kw_only=True):
    """All that is registered of this account at its provider, at `observed_at`.

    `about` are those public fields of its credentials that it is registered under: it says nothing of others.
    """

    credential_id: str
    merchant_id: str
    provider: str
    about: dict[str, str]
    registrations: tuple[Registration, ...]
    observed_at: Moment
