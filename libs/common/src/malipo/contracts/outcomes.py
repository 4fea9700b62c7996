"""What a provider said, defined by what has to be done next."""

from typing import Literal

import msgspec

from malipo.contracts.message import Message, Moment
from malipo.contracts.provider_commands import OperationKind
from malipo.money import Money


class Redirect(msgspec.Struct, frozen=True, tag="redirect", tag_field="type"):
    """The customer must be sent to `url`."""

    url: str


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="result", omit_defaults=True):
    """`reference` is the provider's own id of the object, as soon as one is known."""

    reference: str | None = None


class Succeeded(_Outcome, frozen=True, kw_only=True):
    """The provider has moved `amount`: the end of the operation."""

    amount: Money


class Authorized(_Outcome, frozen=True, kw_only=True):
    """The provider holds `amount` for us: capture or cancel it."""

    amount: Money


class Declined(_Outcome, frozen=True, kw_only=True):
    """The provider has decided against it, no money moved: the end of the operation."""

    code: str
    message: str = ""


class Canceled(_Outcome, frozen=True, kw_only=True):
    """The charge was given up, no money moved: the end of the operation."""


class Pending(_Outcome, frozen=True, kw_only=True):
    """The provider works on it: wait, with a deadline."""


class ActionRequired(_Outcome, frozen=True, kw_only=True):
    """The customer must act: show `action`, wait, with a deadline."""

    action: Redirect


class Unknown(_Outcome, frozen=True, kw_only=True):
    """Sent, and no answer that we understand: ask the provider, never send anew."""

    reason: str


Outcome = Succeeded | Authorized | Declined | Canceled | Pending | ActionRequired | Unknown


class OutcomeReported(Message, frozen=True, kw_only=True):
    """One word of a provider about one operation, by whichever door it came."""

    payment_id: str
    operation_id: str
    kind: OperationKind
    provider: str
    outcome: Outcome
    source: Literal["answer", "query", "callback"]
    observed_at: Moment
