"""PayPal as a provider: one POST an operation, and the order that shows what became of it when the answer was lost."""

from collections.abc import Awaitable
from datetime import timedelta

from malipo import clock
from malipo.contracts.outcomes import Authorized, Declined, Outcome, Succeeded, Unknown
from malipo.contracts.provider_commands import Capture, Charge, Confirm, Refund, Setup
from malipo.contracts.providers.paypal import DESCRIPTOR
from malipo.platform.logs import log
from provider_kit.bodies import parsed_or_noted
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Attempt, Callback, Credentials, ParsedCallback
from provider_kit.reasons import shown_by_another
from provider_kit.sending import ResponseTooLong, Silence, unless_silent
from provider_paypal import choosing, lateness, requests, standing
from provider_paypal.account import read_account
from provider_paypal.client import PaypalClient
from provider_paypal.codes import NOT_APPROVED
from provider_paypal.events import parse_event
from provider_paypal.mapping import (
    ApproveAgain,
    Unclear,
    is_missing,
    is_read,
    issues_in,
    outcome_in_order,
    outcome_of_made,
    outcome_of_response,
    refuse_unsent,
    unread,
    without_amount,
)
from provider_paypal.objects import CAPTURE, ORDER, ORDERS, REFUND, TRANSACTIONS, Order, PaypalResponse, Transaction
from provider_paypal.requests import CAPTURES_PATH, ORDERS_PATH, REFUNDS_PATH
from provider_paypal.settings import HONOURED
from provider_paypal.verification import Verifier

_NOT_READ = Unknown(reason="the order could not be read")


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

    def __init__(self, client: PaypalClient, verifier: Verifier, *, honoured: timedelta | None = HONOURED) -> None:
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
        return parsed_or_noted(callback.body, parse_event)

    async def _execute(self, attempt: Attempt) -> Outcome:
        if not attempt.same_account:
            return shown_by_another(await self._look(attempt))
        if lateness.is_too_late(attempt):
            return await self._look(attempt) or lateness.outcome_if_too_late(attempt)
        return await self._send(attempt)

    async def _query(self, attempt: Attempt) -> Outcome:
        if not attempt.same_account:
            return shown_by_another(await self._look(attempt))
        if seen := await self._look(attempt, honoured=self._honoured):
            return seen
        return lateness.outcome_if_too_late(attempt) if lateness.is_too_late(attempt) else await self._send(attempt)

    async def _send(self, attempt: Attempt) -> Outcome:
        asked = requests.request(attempt)
        if asked is None:
            return await self._unchosen(attempt)
        account = read_account(attempt.credentials)
        try:
            answer = outcome_of_response(attempt, await self._client.post(account, attempt.operation.mode, asked))
        except Silence:
            if seen := await self._after_silence(attempt):
                return seen
            raise
        match answer:
            case Unclear(otherwise=otherwise):
                return await self._follow(attempt, otherwise)
            case ApproveAgain(otherwise=otherwise):
                return await self._approve_again(attempt, otherwise)
            case Unknown(silent=True) as doubt:
                return await self._after_silence(attempt) or doubt
            case outcome:
                return outcome

    async def _approve_again(self, attempt: Attempt, otherwise: Declined) -> Outcome:
        """Where the order sends its payer. Raises `NotSent` while it shows the very approval that PayPal says is missing."""
        order = await self._order_afterwards(attempt)
        if order is None:
            return _NOT_READ
        if otherwise.code == NOT_APPROVED and order.status == "APPROVED":
            raise NotSent("PayPal does not know of the approval everywhere yet", retry_after_seconds=5)
        return standing.approval(order.id, order.links) or otherwise

    async def _after_silence(self, attempt: Attempt) -> Outcome | None:
        """What the order shows of a confirm right after it was not answered: that its money has come or is held, or that the
        payer has to approve once more. None for all else, which the confirm may yet change.

        Of the confirm's own try it is believed where the payer has to go: told later, by a query, it could be older than
        another confirm.
        """
        order = await self._order_afterwards(attempt) if isinstance(attempt.operation, Confirm) else None
        if order is None:
            return None
        if isinstance(seen := outcome_in_order(attempt, order), Succeeded | Authorized):
            return seen
        return standing.approval(order.id, order.links) if order.status in standing.UNPAID else None

    async def _order_afterwards(self, attempt: Attempt) -> Order | None:
        """The order once something was sent: that it cannot be read is no failure of that, whatever the reason."""
        try:
            return await self._order(attempt)
        except (NotSent, Misconfigured, Silence, ResponseTooLong, _Missing, _Doubt):
            return None

    async def _follow(self, attempt: Attempt, otherwise: Outcome) -> Outcome:
        """What the order shows after an answer that does not tell. Something was sent: no failure to read says otherwise."""
        try:
            return await self._look(attempt) or otherwise
        except (NotSent, Misconfigured):
            return _NOT_READ

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

    async def _look(self, attempt: Attempt, *, honoured: timedelta | None = None) -> Outcome | None:
        """The outcome as PayPal's book shows it; None when it shows no effect of the operation.

        `honoured`: how old an authorization is when it is renewed; None for not now.
        """
        try:
            return await self._shown(attempt, honoured)
        except _Missing:
            return lateness.outcome_if_missing(attempt)

    async def _shown(self, attempt: Attempt, honoured: timedelta | None) -> Outcome | None:
        match attempt.operation:
            case Capture() as operation if name := attempt.references.get(CAPTURE):
                found = await self._transaction(attempt, CAPTURES_PATH, name)
                return outcome_of_made(attempt, operation, found) or without_amount(found.status)
            case Refund() as operation if name := attempt.reference or attempt.references.get(REFUND):
                found = await self._transaction(attempt, REFUNDS_PATH, name)
                return outcome_of_made(attempt, operation, found) or without_amount(found.status)
            case _:
                order = await self._order(attempt)
                if order is None:
                    return None
                shown = outcome_in_order(attempt, order)
                if honoured is not None and isinstance(shown, Authorized):
                    await self._renew(attempt, order, honoured)
                return shown

    async def _renew(self, attempt: Attempt, order: Order, honoured: timedelta) -> None:
        """Reauthorize what the order holds, if that is due. Whatever comes of it, the hold stands as it did: nothing is told."""
        due = choosing.renewal(attempt, order, clock.now(), honoured)
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
        if isinstance(operation, Charge | Setup):
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


async def _told(call: Awaitable[Outcome]) -> Outcome:
    try:
        return await unless_silent(call)
    except _Doubt as doubt:
        return doubt.outcome
    except ValueError:  # an amount that cannot be
        return Unknown(reason="unreadable answer")
