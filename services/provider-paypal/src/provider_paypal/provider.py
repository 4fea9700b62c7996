"""PayPal as a provider: one POST an operation, and the order that shows what became of it when the answer was lost."""

from collections.abc import Awaitable
from datetime import timedelta

from malipo import clock
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Outcome, Unknown
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Refund, ReturnRequest
from malipo.contracts.providers.paypal import DESCRIPTOR, REPEAT
from malipo.platform.logs import log
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, Credentials, ParsedCallback
from provider_kit.sending import ResponseTooLong, Silence, unless_silent
from provider_paypal import choosing, requests, standing
from provider_paypal.account import read_account
from provider_paypal.client import PaypalClient
from provider_paypal.events import name_of, parse_event
from provider_paypal.mapping import (
    SETTLED,
    ApproveAgain,
    Unclear,
    answered,
    is_missing,
    is_read,
    issues_in,
    refuse_unsent,
    unread,
)
from provider_paypal.objects import CAPTURE, ORDER, ORDERS, REFUND, TRANSACTIONS, Order, PaypalResponse, Transaction
from provider_paypal.requests import CAPTURES_PATH, ORDERS_PATH, REFUNDS_PATH
from provider_paypal.verification import Verifier

ORDER_KEY_LIFE = REPEAT.life
PAYMENT_KEY_LIFE = timedelta(days=45)
"""PayPal remembers the key of a capture of an authorization, and of a refund, so long (Payments, `PayPal-Request-Id`)."""
UNVISITED_LIFE = timedelta(hours=3)
"""An order whose payer never came is gone after that (Orders, `links`)."""
_MARGIN = timedelta(hours=1)
"""Nothing is repeated in the last hour of a key, so that all under it has ended before its life has."""

_KEY_IS_OLD = Unknown(reason="the key is old")
_NO_EFFECT_YET = Unknown(reason="no effect yet")
_NOT_READ = Unknown(reason="the order could not be read")
_NEVER_APPROVED = Declined(
    code="expired", message="The payment expired before it was approved: PayPal has no order by which money could move."
)
_WITHOUT_EFFECT = Declined(
    code="provider_error", message="Long after the request was sent, PayPal's order shows no effect of it."
)


class _Missing(Exception):
    """There is no such object, or none of this app's."""


class _Doubt(Exception):
    """What was read is not understood."""

    def __init__(self, outcome: Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class PaypalProvider:
    """Creates orders, has them approved, captures or authorizes them; see `provider_kit.provider.Provider`."""

    descriptor = DESCRIPTOR

    def __init__(
        self, client: PaypalClient, verifier: Verifier, *, honoured: timedelta | None = choosing.HONOURED
    ) -> None:
        self._client = client
        self._verifier = verifier
        self._honoured = honoured

    def identity(self, credentials: Credentials) -> str:
        """The app's client id: an order can only be read and changed by the app that has made it."""
        return read_account(credentials).client_id

    async def prepare(self, attempt: Attempt) -> None:
        """Have an access token at hand, and read in the order what a capture, a void or a refund is to be made of.

        That is noted, and so committed before anything is sent: each try is of the same authorization or capture.
        """
        account = read_account(attempt.credentials)
        await self._client.ready(account, attempt.operation.mode)
        if attempt.same_account and choosing.is_open(attempt):
            await self._choose(attempt)

    async def execute(self, attempt: Attempt) -> Outcome:
        """Send the operation. One that was sent before is repeated under its key, and after the key's life only read.

        Keys are an app's own: what was perhaps sent by another app is only looked for.
        """
        return await _told(self._execute(attempt))

    async def query(self, attempt: Attempt) -> Outcome:
        """Read what the operation made, and else repeat it under its key, as long as PayPal knows that.

        A charge or confirm that has expired is never repeated. What a confirm holds is renewed, once, when PayPal does not
        stand in for it any more.
        """
        return await _told(self._query(attempt))

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Verify and read a webhook. What PayPal has signed is genuine, even if it is no event that we know."""
        await self._verifier.verify(callback, credentials)
        try:
            return parse_event(callback.body)
        except ValueError:
            log.error("signed, and no event", size_bytes=len(callback.body))
            return ParsedCallback(name_of(callback.body))

    async def _execute(self, attempt: Attempt) -> Outcome:
        if not attempt.same_account:
            return await self._trace(attempt)
        if _is_too_late(attempt):
            return await self._look(attempt) or _over(attempt)
        return await self._send(attempt)

    async def _query(self, attempt: Attempt) -> Outcome:
        if not attempt.same_account:
            return await self._trace(attempt)
        if seen := await self._look(attempt, renews=self._honoured is not None):
            return seen
        return _over(attempt) if _is_too_late(attempt) else await self._send(attempt)

    async def _send(self, attempt: Attempt) -> Outcome:
        asked = requests.request(attempt)
        if asked is None:
            return await self._unchosen(attempt)
        account = read_account(attempt.credentials)
        try:
            answer = answered(attempt, await self._client.post(account, attempt.operation.mode, asked))
        except Silence:
            if page := await self._sent_back(attempt):
                return page
            raise
        match answer:
            case Unclear(otherwise=otherwise):
                return await self._follow(attempt, otherwise)
            case ApproveAgain(otherwise=otherwise):
                return await self._page(attempt, otherwise)
            case Unknown(silent=True) as doubt:
                return await self._sent_back(attempt) or doubt
            case outcome:
                return outcome

    async def _sent_back(self, attempt: Attempt) -> Outcome | None:
        """Where the payer has to approve once more after a confirm that was not answered; None unless the order shows that.

        Of the confirm's own try it is believed at once: told later, by a query, it could be older than another confirm.
        """
        if not isinstance(attempt.operation, Confirm):
            return None
        try:
            order = await self._order(attempt)
        except (NotSent, Misconfigured, Silence, ResponseTooLong, _Missing, _Doubt):
            return None
        return standing.approval(order.id, order.links) if order and order.status in standing.UNPAID else None

    async def _follow(self, attempt: Attempt, otherwise: Outcome) -> Outcome:
        """What the order shows after an answer that does not tell. Something was sent: no failure to read says otherwise."""
        try:
            return await self._look(attempt) or otherwise
        except (NotSent, Misconfigured):
            return _NOT_READ

    async def _page(self, attempt: Attempt, otherwise: Declined) -> Outcome:
        """Where the payer can approve once more."""
        try:
            order = await self._order(attempt)
        except (NotSent, Misconfigured, _Missing):
            return _NOT_READ
        if order is None:
            return _NOT_READ
        return standing.approval(order.id, order.links) or otherwise

    async def _trace(self, attempt: Attempt) -> Outcome:
        """What an account shows that may not be the one it was sent to: nothing there proves nothing, ever."""
        seen = await self._look(attempt)
        if seen is None or (isinstance(seen, Unknown) and seen.reference is None):
            return Unknown(reason=ACCOUNT_CHANGED, silent=seen is not None and seen.silent)
        return seen

    async def _choose(self, attempt: Attempt) -> None:
        try:
            order = await self._order(attempt)
            if order is not None:
                choosing.choose(attempt, order)
        except _Missing:
            pass  # whoever sends it tells what that means
        except (_Doubt, Silence, ResponseTooLong, ValueError):
            raise NotSent("PayPal does not show the order", retry_after_seconds=5) from None

    async def _unchosen(self, attempt: Attempt) -> Outcome:
        """Nothing is there to do it to, and so nothing is sent."""
        try:
            order = await self._order(attempt)
        except _Missing:
            return await self._look(attempt) or _NOT_READ
        return _NOT_READ if order is None else choosing.unchosen(attempt, order)

    async def _look(self, attempt: Attempt, *, renews: bool = False) -> Outcome | None:
        """The outcome as PayPal's book shows it; None when it shows no effect of the operation."""
        try:
            return await self._shown(attempt, renews=renews)
        except _Missing:
            return _missing(attempt)

    async def _shown(self, attempt: Attempt, *, renews: bool) -> Outcome | None:
        match attempt.operation:
            case Capture() as capture if name := attempt.references.get(CAPTURE):
                found = await self._transaction(attempt, CAPTURES_PATH, name)
                return standing.captured(capture, found) or _without_amount(found)
            case Refund() if name := attempt.reference or attempt.references.get(REFUND):
                found = await self._transaction(attempt, REFUNDS_PATH, name)
                return standing.refunded(found) or _without_amount(found)
            case _:
                order = await self._order(attempt)
                if order is None:
                    return None
                shown = _shown_by(attempt, order)
                if renews and isinstance(shown, Authorized):
                    await self._renew(attempt, order)
                return shown

    async def _renew(self, attempt: Attempt, order: Order) -> None:
        """Reauthorize what the order holds, if that is due. Whatever comes of it, the hold stands as it did: nothing is told."""
        honoured = self._honoured
        due = None if honoured is None else choosing.renewal(attempt, order, clock.now(), honoured)
        if due is None:
            return
        try:
            response = await self._client.post(read_account(attempt.credentials), attempt.operation.mode, due)
        except (NotSent, Misconfigured, Silence, ResponseTooLong):
            return  # the next query shows whether it was carried out, or repeats it
        if not is_read(response):
            facts = {"payment_id": attempt.operation.payment_id, "order": order.id, "issues": issues_in(response)}
            log.warning("authorization not renewed", status=response.status, **facts)

    async def _order(self, attempt: Attempt) -> Order | None:
        """The order that the operation is about; None while its id is not known. Raises `_Missing` or `_Doubt`."""
        operation = attempt.operation
        if isinstance(operation, Charge):
            name = attempt.reference or attempt.references.get(ORDER)
        else:
            name = operation.reference
        if name is None:
            return None
        response = await self._get(attempt, requests.path(ORDERS_PATH, name))
        try:
            return ORDERS.decode(response.body)
        except ValueError:
            raise _Doubt(Unknown(reason="unreadable answer")) from None

    async def _transaction(self, attempt: Attempt, collection: str, name: str) -> Transaction:
        response = await self._get(attempt, requests.path(collection, name))
        try:
            return TRANSACTIONS.decode(response.body)
        except ValueError:
            raise _Doubt(Unknown(reason="unreadable answer")) from None

    async def _get(self, attempt: Attempt, path: str) -> PaypalResponse:
        account = read_account(attempt.credentials)
        response = await self._client.get(account, attempt.operation.mode, path)
        if attempt.same_account:  # what is not permitted in another account is not its own
            refuse_unsent(response)
        if is_missing(response):
            raise _Missing
        refuse_unsent(response)
        if not is_read(response):
            raise _Doubt(unread(response))
        return response


def _shown_by(attempt: Attempt, order: Order) -> Outcome | None:
    """What the order shows of the operation. Raises `ValueError`."""
    match attempt.operation:
        case Charge() as charge:
            standing.note(attempt.references, order)
            return standing.of_charge(order, charge)
        case Confirm() as confirm:
            standing.note(attempt.references, order)
            over = attempt.ages.expired and order.status in standing.UNPAID
            return standing.of_charge(order, confirm) if over or standing.paid(order, confirm) else None
        case Capture() as capture:
            if (found := standing.own_capture(order, capture)) is None:
                return None
            standing.note_capture(attempt.references, found)
            return standing.captured(capture, found)
        case Cancel():
            return standing.canceled(order)
        case Refund() as refund:
            return _shown_refund(attempt, order, refund)
        case ReturnRequest():
            raise TypeError("PayPal has no return requests")


def _shown_refund(attempt: Attempt, order: Order, refund: Refund) -> Outcome | None:
    if (made := standing.own_refund(order, refund)) is None:
        return None
    standing.note_refund(attempt.references, made)
    return standing.refunded(made)


def _missing(attempt: Attempt) -> Outcome:
    """What it means that PayPal has no such order. One that nobody has approved it keeps for hours, and then no more; one that
    is too young may not show yet.
    """
    age = attempt.ages.key_age_now() if attempt.same_account else timedelta()
    match attempt.operation:
        case Charge() if age >= UNVISITED_LIFE:
            return _NEVER_APPROVED
        case Cancel(reference=order) if age >= SETTLED:
            return Canceled(reference=order)
        case _:
            return Unknown(reason="PayPal does not find it")


def _is_too_late(attempt: Attempt) -> bool:
    """Whether nothing may be sent for the operation any more."""
    expired = attempt.ages.expired and isinstance(attempt.operation, Charge | Confirm)
    return expired or attempt.ages.key_age_now() >= _key_life(attempt) - _MARGIN


def _over(attempt: Attempt) -> Outcome:
    """The outcome of what is not sent any more, and of which nothing shows.

    A charge whose order nobody knows has no page that anybody could approve, and no confirm could be of it.
    """
    dead = attempt.ages.key_age_now() >= _key_life(attempt)
    match attempt.operation:
        case Charge():
            return _NEVER_APPROVED if dead or attempt.ages.expired else _KEY_IS_OLD
        case Confirm() if not dead:
            return _NO_EFFECT_YET
        case _:
            return _WITHOUT_EFFECT if dead else _KEY_IS_OLD


def _key_life(attempt: Attempt) -> timedelta:
    return ORDER_KEY_LIFE if isinstance(attempt.operation, Charge | Confirm) else PAYMENT_KEY_LIFE


def _without_amount(found: Transaction) -> Unknown:
    return Unknown(reason=f"status {standing.word(found.status)}, without an amount")


async def _told(call: Awaitable[Outcome]) -> Outcome:
    try:
        return await unless_silent(call)
    except _Doubt as doubt:
        return doubt.outcome
    except ValueError:  # an amount that cannot be
        return Unknown(reason="unreadable answer")
