"""Accepts commands: the payment, its command and its key are one statement, and payments that come together share it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, NamedTuple, Self

from fastapi import Depends, Request
from msgspec.structs import replace

from gateway.accounts.configuration import Configuration, current_and_keys
from gateway.edge import audit, idempotency
from gateway.edge.audit import Unwritten
from gateway.edge.fields import no_credentials
from gateway.edge.idempotency import Done, IdempotencyClaim, KeyedRequest
from gateway.edge.origin import Origin
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.payment_methods import charges
from gateway.payment_methods import store as payment_methods
from gateway.payment_methods.charges import SavedCharge
from gateway.payments import personal, store, unanswered
from gateway.payments.fitting import Candidate, fits_life, life_misfit
from gateway.payments.resolved import named_series, names_saved, resolved
from gateway.payments.schemas import NewPayment
from gateway.payments.views import create_command, first_payment
from gateway.series import store as series
from gateway.series.limits import Limits, Named
from malipo import clock
from malipo.contracts.commands import CreatePayment, Mode, PaymentCommand
from malipo.contracts.descriptor import Method
from malipo.contracts.events import PaymentMethodView, PaymentView
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.secrets import KeyRing

_MAX_BATCH = 100  # of 64 KiB at most, so that the longest transaction takes milliseconds


class SentCommand(NamedTuple):
    """A command that goes out with its unit of work, under which message id, and the request that it came from."""

    command: PaymentCommand
    message_id: str
    origin: Origin


type RecordRequests = Callable[[UnitOfWork, Sequence[SentCommand]], None]
"""Records in a unit of work which requests became the commands that it sends; all that this room knows of timelines."""


@dataclass(frozen=True)
class _PaymentRequest:
    """A requested payment. All that depends on the request's own task is in `origin`."""

    claim: IdempotencyClaim
    body: NewPayment
    origin: Origin
    unwritten: Unwritten | None

    @property
    def saved(self) -> str | None:
        """The id of the saved method that it is to be paid with, if it is."""
        return names_saved(self.body)

    @property
    def series(self) -> Named | None:
        """The series that it is to be a charge of, if it is."""
        name = named_series(self.body)
        return None if name is None else (*self.owner, name)

    @property
    def owner(self) -> tuple[str, Mode]:
        return self.claim.request.merchant_id, self.claim.request.mode


class _Fits(NamedTuple):
    """A payment that can be accepted, its method with all that was chosen, and the providers that may get it; with a number if it is a
    charge of a series.
    """

    body: NewPayment
    payment: PaymentView
    method: Method
    providers: tuple[str, ...]
    number: int | None = None


class _Saved(NamedTuple):
    """What is known of the saved methods and the series that some payments name."""

    methods: Mapping[payment_methods.Owned, PaymentMethodView]
    forbidden: Mapping[str, str]
    limits: Limits

    @classmethod
    async def of(cls, unit: UnitOfWork, asked: Sequence[_PaymentRequest], now: datetime) -> Self:
        """Costs nothing where none is named."""
        methods = await payment_methods.named(unit, {(*one.owner, name) for one in asked if (name := one.saved)})
        forbidden = await charges.forbidden(unit.reads, {method.id for method in methods.values()})
        limits = await series.limits(unit.reads, {name for one in asked if (name := one.series)}, now)
        return cls(methods, forbidden, limits)


class Accepted(NamedTuple):
    """What was done, and the payment as it was accepted; None when an earlier sending had it accepted."""

    done: Done
    payment: PaymentView | None = None


class Acceptance:
    """Accepts payments. What is wrong with one of them does not affect those that come with it."""

    def __init__(self, database: Database, key_ring: KeyRing, record: RecordRequests) -> None:
        self._database = database
        self._key_ring = key_ring
        self._record = record
        self._asked = GroupCommit[_PaymentRequest, Accepted](self._write, most=_MAX_BATCH)

    async def accept(
        self, request: KeyedRequest, body: NewPayment, origin: Origin, unwritten: Unwritten | None = None
    ) -> Accepted:
        """Returns once the payment is accepted for good, now or by an earlier sending; the result says which. What is yet
        `unwritten` of the audit is written with it, whatever the result.

        Raises `Problem`: `provider_not_configured`, `expires_at_out_of_range`, what a saved method or a series does not allow, or one
        of `idempotency.find`'s.
        """
        return await self._asked.add(_PaymentRequest(idempotency.claim(request, body), body, origin, unwritten))

    async def _write(self, asked: Sequence[_PaymentRequest]) -> Sequence[Accepted | Problem]:
        return await self._database.transact(partial(self._accept_or_replay, asked))

    async def _accept_or_replay(
        self, asked: Sequence[_PaymentRequest], unit: UnitOfWork
    ) -> Sequence[Accepted | Problem]:
        audit.write_with(unit, [one.unwritten for one in asked if one.unwritten])
        claims = [one.claim for one in asked]
        configurations, keys = await current_and_keys(unit.reads, {claim.owner for claim in claims if claim.owner})
        earlier = idempotency.judge(unit, claims, keys)
        new = [one for one, before in zip(asked, earlier, strict=True) if before is None]
        results = iter(await self._accept(unit, new, configurations))
        return [
            next(results) if before is None else before if isinstance(before, Problem) else Accepted(before)
            for before in earlier
        ]

    async def _accept(
        self, unit: UnitOfWork, new: Sequence[_PaymentRequest], configurations: Mapping[tuple[str, Mode], Configuration]
    ) -> list[Accepted | Problem]:
        read_at = max((one.read_at for one in configurations.values()), default=clock.now())
        saved = await _Saved.of(unit, new, read_at)
        decided = [_decide(one, configurations[one.owner], saved) for one in new]
        accepted = [(one, fits) for one, fits in zip(new, decided, strict=True) if isinstance(fits, _Fits)]
        store.add_payments(unit, [(*one.owner, fits.payment) for one, fits in accepted])
        charges.add(unit, [_charge(one, fits, one.saved) for one, fits in accepted if one.saved is not None])
        commands = [(self._command(unit, one, fits, configurations[one.owner]), one.origin) for one, fits in accepted]
        send_commands(unit, commands, self._record)
        idempotency.remember(unit, [(one.claim, fits.payment.id) for one, fits in accepted])
        return [
            one if isinstance(one, Problem) else Accepted(Done(one.payment.id, replayed=False), one.payment)
            for one in decided
        ]

    def _command(
        self, unit: UnitOfWork, one: _PaymentRequest, fits: _Fits, configuration: Configuration
    ) -> CreatePayment:
        (merchant_id, mode), payment = one.owner, fits.payment
        sealed = personal.sealed(payment.id, fits.method, self._key_ring)
        if sealed.wrapped is not None:
            personal.keep(
                unit,
                one.owner,
                payment.id,
                customer_ref=payment.customer_ref,
                wrapped=sealed.wrapped,
                providers=fits.providers,
            )
        return create_command(
            payment,
            fits.body,
            replace(sealed.method, transfer=payment.transfer),
            merchant_id=merchant_id,
            mode=mode,
            config_version=configuration.version,
            late_payments=configuration.late_payments,
            configured=fits.providers,
        )


def _charge(one: _PaymentRequest, fits: _Fits, method_id: str) -> SavedCharge:
    payment, name = fits.payment, named_series(one.body)
    return SavedCharge(payment.id, *one.owner, method_id, payment.amount, payment.created_at, name, fits.number)


def _decide(one: _PaymentRequest, configuration: Configuration, saved: _Saved) -> _Fits | Problem:
    """The payment as it is accepted, at the database's time, or why it is not.

    Without `expires_at` it is good for the shortest time of the providers that may get it. What its method leaves open is
    chosen by the rules of the first of them, to which it is routed.
    """
    if one.saved is None:
        return _fit(one, one.body, configuration)
    method, forbidden_by = saved.methods.get((*one.owner, one.saved)), saved.forbidden.get(one.saved)
    found = resolved(one.body, method, configuration.read_at, forbidden_by=forbidden_by)
    fits = found if isinstance(found, Problem) else _fit(one, found, configuration)
    if isinstance(fits, Problem) or one.series is None:
        return fits
    number = saved.limits.take(one.series, fits.body.money, fits.body.customer_ref, configuration.read_at)
    return number if isinstance(number, Problem) else fits._replace(number=number)


def _fit(one: _PaymentRequest, body: NewPayment, configuration: Configuration) -> _Fits | Problem:
    now = configuration.read_at
    asked_for = [candidate for candidate in body.fitting if body.provider in {None, candidate.provider.name}]
    found = configured(asked_for, configuration, body.expires_at, body.account, one.owner[1])
    if isinstance(found, Problem):
        return found
    expires_at = body.expires_at or now + min(candidate.rules.life for candidate in found)
    rules = found[0].rules
    method, transfer = rules.completed(body.method, body.money, now)
    payment = first_payment(body, now, expires_at, rules, transfer)
    return _Fits(body, payment, method, tuple(candidate.provider.name for candidate in found))


def configured(
    fitting: Sequence[Candidate], configuration: Configuration, expires_at: datetime | None, account: str, mode: Mode
) -> Sequence[Candidate] | Problem:
    """Those that may get it: it can be good until then there, and the merchant has credentials for them; or why there is none."""
    now = configuration.read_at
    if expires_at is not None:
        life = expires_at - now
        if misfit := life_misfit(fitting, life):
            detail = f"{misfit.detail}; it is {clock.iso(now)} now"
            return of_fields([FieldError(misfit.field, misfit.code, detail)])
        fitting = [one for one in fitting if fits_life(one, life)]
    found = [one for one in fitting if configuration.has(one.provider.name, account)]
    return found or not_configured(fitting[0].provider.name, account, mode)


def not_configured(provider: str, account: str, mode: Mode) -> Problem:
    """The problem of a command that needs credentials which the merchant does not have."""
    return Problem("provider_not_configured", no_credentials(provider, account, mode))


def send_commands(unit: UnitOfWork, commands: Sequence[tuple[PaymentCommand, Origin]], record: RecordRequests) -> None:
    """Send the orchestrator these commands, and have their requests recorded. Each is kept until it is answered."""
    sent = [
        SentCommand(command, unit.send(PAYMENT_COMMANDS, command.payment_id, command, headers=origin.headers), origin)
        for command, origin in commands
    ]
    unanswered.keep(
        unit,
        [
            (command, origin.operation_id or command.payment_id, message_id, origin.headers)
            for command, message_id, origin in sent
        ],
    )
    record(unit, sent)


def acceptance_of(request: Request) -> Acceptance:
    """What `main` has made, as is the `RecorderOf` a route."""
    return request.app.state.acceptance


async def _recorder(request: Request) -> RecordRequests:
    return request.app.state.recorder


RecorderOf = Annotated[RecordRequests, Depends(_recorder)]
