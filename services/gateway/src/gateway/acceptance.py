"""Accepts commands: the payment, its command and its key are one statement, and payments that come together share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gateway import idempotency, store_config, store_history, store_payments
from gateway.entries import Origin, request_entry
from gateway.idempotency import Claim, Done, Sending
from gateway.problems import Problem
from gateway.schemas import NewPayment
from gateway.store_config import Configuration
from gateway.views import create_command
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
    payment: PaymentView
    origin: Origin

    @property
    def owner(self) -> tuple[str, Mode]:
        return self.claim.sending.merchant_id, self.claim.sending.mode


class Acceptance:
    """Accepts payments. What is wrong with one of them takes none of those along that come with it."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._asked = Collector[_Asked, Done](self._write, most=_MAX_BATCH)

    async def accept(self, sending: Sending, body: NewPayment, payment: PaymentView, origin: Origin) -> Done:
        """Returns once `payment`, or the one of an earlier sending, is accepted for good; the answer says which.

        Raises `Problem`: `provider_not_configured`, or one of `idempotency.find`'s.
        """
        return await self._asked.add(_Asked(idempotency.claim(sending, body), body, payment, origin))

    async def _write(self, asked: Sequence[_Asked]) -> Sequence[Done | Problem]:
        return await self._units.settle(partial(_accept_or_replay, asked))


async def _accept_or_replay(asked: Sequence[_Asked], unit: Unit) -> Sequence[Done | Problem]:
    earlier = await idempotency.find(unit, [one.claim for one in asked])
    new = [one for one, answer in zip(asked, earlier, strict=True) if answer is None]
    answers = iter(await _accept(unit, new))
    return [next(answers) if answer is None else answer for answer in earlier]


async def _accept(unit: Unit, new: Sequence[_Asked]) -> list[Done | Problem]:
    configurations = await store_config.current(unit.reads, {one.owner for one in new})
    refusals = [_refusal(one, configurations[one.owner]) for one in new]
    accepted = [one for one, refusal in zip(new, refusals, strict=True) if refusal is None]
    store_payments.add_payments(unit, [(*one.owner, one.payment) for one in accepted])
    commands = [(_command(one, configurations[one.owner]), one.origin) for one in accepted]
    send_commands(unit, commands)
    idempotency.remember(unit, [(one.claim, one.payment.id) for one in accepted])
    return [refusal or Done(one.payment.id, replayed=False) for one, refusal in zip(new, refusals, strict=True)]


def _refusal(one: _Asked, configuration: Configuration) -> Problem | None:
    named, configured = one.body.provider, configuration.providers
    if configured and (named is None or named in configured):
        return None
    provider, (_, mode) = named or next(iter(PROVIDER_COMMANDS)), one.owner
    advice = f"PUT /v1/provider-credentials/{provider} with a {mode} key first."
    return Problem("provider_not_configured", f"There are no {mode} credentials for {provider}: {advice}")


def _command(one: _Asked, configuration: Configuration) -> CreatePayment:
    return create_command(one.payment.id, one.body, *one.owner, configuration.version)


def send_commands(unit: Unit, commands: Sequence[tuple[PaymentCommand, Origin]]) -> None:
    """Send the payments' owner what was asked for, and put the requests into their payments' timelines."""
    entries = [
        request_entry(
            message.payment_id,
            unit.send(PAYMENT_COMMANDS, message.payment_id, message, headers=origin.headers),
            origin,
        )
        for message, origin in commands
    ]
    store_history.put_entries(unit, entries)
