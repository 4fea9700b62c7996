"""Accepts commands: the payment, its command and its key are one statement, and payments that come together share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from gateway import idempotency, store_commands, store_config, store_history, store_payments
from gateway.entries import Origin, request_entry
from gateway.idempotency import Claim, Done, Sending
from gateway.problems import FieldError, Problem, of_fields
from gateway.schemas import LONGEST_LIFE, SHORTEST_LIFE, NewPayment
from gateway.store_config import Configuration
from gateway.views import create_command, first_payment
from malipo import clock
from malipo.contracts.commands import CreatePayment, Mode, PaymentCommand
from malipo.contracts.events import PaymentView
from malipo.contracts.topics import PAYMENT_COMMANDS, PROVIDER_COMMANDS
from malipo.messaging.collector import Collector
from malipo.messaging.unit import Unit, Units

_MAX_BATCH = 100  # of 64 KiB at most, so that the longest transaction takes milliseconds


@dataclass(frozen=True)
class _Asked:
    """A payment that was asked for. All that depends on the request's own task is in `origin`."""

    claim: Claim
    body: NewPayment
    origin: Origin

    @property
    def owner(self) -> tuple[str, Mode]:
        return self.claim.sending.merchant_id, self.claim.sending.mode


class Accepted(NamedTuple):
    """What is done, and the payment as it was accepted; None when an earlier sending had it accepted."""

    done: Done
    payment: PaymentView | None = None


class Acceptance:
    """Accepts payments. What is wrong with one of them takes none of those along that come with it."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._asked = Collector[_Asked, Accepted](self._write, most=_MAX_BATCH)

    async def accept(self, sending: Sending, body: NewPayment, origin: Origin) -> Accepted:
        """Returns once a payment, now or by an earlier sending, is accepted for good; the answer says which.

        Raises `Problem`: `provider_not_configured`, `expires_at_out_of_range`, or one of `idempotency.find`'s.
        """
        return await self._asked.add(_Asked(idempotency.claim(sending, body), body, origin))

    async def _write(self, asked: Sequence[_Asked]) -> Sequence[Accepted | Problem]:
        return await self._units.settle(partial(_accept_or_replay, asked))


async def _accept_or_replay(asked: Sequence[_Asked], unit: Unit) -> Sequence[Accepted | Problem]:
    earlier = await idempotency.find(unit, [one.claim for one in asked])
    new = [one for one, answer in zip(asked, earlier, strict=True) if answer is None]
    answers = iter(await _accept(unit, new))
    return [
        next(answers) if answer is None else answer if isinstance(answer, Problem) else Accepted(answer)
        for answer in earlier
    ]


async def _accept(unit: Unit, new: Sequence[_Asked]) -> list[Accepted | Problem]:
    configurations = await store_config.current(unit.reads, {one.owner for one in new})
    decided = [_decide(one, configurations[one.owner]) for one in new]
    accepted = [(one, found) for one, found in zip(new, decided, strict=True) if isinstance(found, PaymentView)]
    store_payments.add_payments(unit, [(*one.owner, payment) for one, payment in accepted])
    send_commands(unit, [(_command(one, payment, configurations[one.owner]), one.origin) for one, payment in accepted])
    idempotency.remember(unit, [(one.claim, payment.id) for one, payment in accepted])
    return [
        found if isinstance(found, Problem) else Accepted(Done(found.id, replayed=False), found) for found in decided
    ]


def _decide(one: _Asked, configuration: Configuration) -> PaymentView | Problem:
    """The payment as it is accepted, at the database's time, or why it is not."""
    ends_in = one.body.expires_at and one.body.expires_at - configuration.read_at
    if ends_in is not None and not SHORTEST_LIFE <= ends_in <= LONGEST_LIFE:
        detail = f"must be from a minute to 24 hours ahead; it is {clock.iso(configuration.read_at)} now"
        return of_fields([FieldError("/expires_at", "expires_at_out_of_range", detail)])
    return _refusal(one, configuration) or first_payment(one.body, configuration.read_at)


def _refusal(one: _Asked, configuration: Configuration) -> Problem | None:
    named, configured = one.body.provider, configuration.providers
    if configured and (named is None or named in configured):
        return None
    return not_configured(named or next(iter(PROVIDER_COMMANDS)), one.owner[1])


def not_configured(provider: str, mode: Mode) -> Problem:
    """The problem of a command that needs credentials which the merchant does not have."""
    advice = f"PUT /v1/provider-credentials/{provider} with a {mode} key first."
    return Problem("provider_not_configured", f"There are no {mode} credentials for {provider}: {advice}")


def _command(one: _Asked, payment: PaymentView, configuration: Configuration) -> CreatePayment:
    return create_command(payment, one.body, *one.owner, configuration.version)


def send_commands(unit: Unit, commands: Sequence[tuple[PaymentCommand, Origin]]) -> None:
    """Send the payments' owner what was asked for, and put the requests into their payments' timelines.

    Each is kept until it is answered.
    """
    sent = [
        (command, unit.send(PAYMENT_COMMANDS, command.payment_id, command, headers=origin.headers), origin)
        for command, origin in commands
    ]
    store_commands.keep(
        unit,
        [
            (command, origin.operation_id or command.payment_id, named, origin.headers)
            for command, named, origin in sent
        ],
    )
    entries = [request_entry(command.payment_id, named, origin) for command, named, origin in sent]
    store_history.put_entries(unit, entries)
