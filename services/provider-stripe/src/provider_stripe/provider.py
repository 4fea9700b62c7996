"""Stripe as a provider: one POST an operation, and the ways to learn its outcome when the response was lost."""

from collections.abc import Awaitable
from functools import partial

from malipo import clock
from malipo.contracts.outcomes import ActionRequired, Declined, Detached, Outcome, Unknown
from malipo.contracts.provider_commands import Charge, Detach, Refund, Setup
from malipo.contracts.providers.stripe import DESCRIPTOR, REPEAT
from malipo.platform.logs import log
from provider_kit.bodies import parsed_or_noted
from provider_kit.disputes import Dispute
from provider_kit.exchanges import conceal
from provider_kit.provider import Attempt, Callback, Credentials, ParsedCallback, kind_of
from provider_kit.reasons import KEY_IS_OLD, KEY_MARGIN, shown_by_another, without_effect
from provider_kit.references import CUSTOMER
from provider_kit.sending import unless_silent
from provider_stripe.client import StripeClient, identity, secret_key, verify
from provider_stripe.customers import Customers
from provider_stripe.events import parse_event
from provider_stripe.mapping import (
    ARRIVED,
    KEY_MISFIT,
    NEVER_CHARGED,
    NOT_ASKED,
    REFUSED_REPEAT,
    fenced,
    outcome_of_response,
    read_page,
    shown,
)
from provider_stripe.requests import (
    expansion,
    fence,
    intent_path,
    object_path,
    on_session,
    request,
    search,
)
from provider_stripe.saving import METHOD, kept_as, wants_customer

KEY_LIFE = REPEAT.life
"""Later a repeat could be a second effect."""
REPLAY_LIMIT = KEY_LIFE - KEY_MARGIN

_MAX_PAGES = 20
_WITHOUT_EFFECT = without_effect("A day", "Stripe's book")
_TOO_MUCH = Unknown(reason="too much to look through")


class StripeProvider:
    """Charges, captures, cancels and refunds PaymentIntents, and keeps cards by SetupIntents; see `provider_kit.provider.Provider`."""

    descriptor = DESCRIPTOR

    def __init__(self, client: StripeClient, customers: Customers, *, tolerance_seconds: int) -> None:
        self._client = client
        self._customers = customers
        self._tolerance_seconds = tolerance_seconds

    def identity(self, credentials: Credentials) -> str:
        """The API key: no two accounts share one, and two keys do not show whether they are of one account."""
        return identity(credentials)

    async def prepare(self, attempt: Attempt) -> None:
        """Know the customer for whom a method is to be kept: each try is of the same. All else needs nothing."""
        match attempt.operation:
            case (Setup() | Charge(save_method=True)) as operation if not attempt.references.get(CUSTOMER):
                attempt.references.note(CUSTOMER, await self._customers.of(operation, _key(attempt)))
            case _:
                pass

    async def execute(self, attempt: Attempt) -> Outcome:
        """Send the operation. One that was sent before is repeated under its key, and after the key's life only read.

        Idempotency keys are an account's own: what was perhaps sent to another account is only looked for.
        """
        return _noted(attempt, await unless_silent(self._asked(attempt, self._execute(attempt))))

    async def query(self, attempt: Attempt) -> Outcome:
        """Read what the operation made if its id is known, else repeat it under its key, else look for its traces.

        A charge that has expired is never repeated: its traces are looked for, and its key is made useless.
        """
        return _noted(attempt, await unless_silent(self._asked(attempt, self._query(attempt))))

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Read an event. What Stripe has signed is genuine, even if it is no event that we know: then it is empty; of another account
        or mode it has us ask.
        """
        signature = callback.headers.get("stripe-signature", "")
        verify(credentials, signature, callback.body, tolerance_seconds=self._tolerance_seconds)
        return parsed_or_noted(callback.body, partial(parse_event, mode=callback.mode))

    async def _execute(self, attempt: Attempt) -> Outcome:
        _conceal(attempt)
        if not attempt.same_account:
            return shown_by_another(await self._find(attempt))
        if attempt.ages.expired and isinstance(attempt.operation, Charge | Setup):
            return await self._expire(attempt, attempt.operation)
        if attempt.ages.key_age_now() >= REPLAY_LIMIT:
            return await self._settle(attempt, KEY_IS_OLD)
        outcome = await self._send(attempt)
        if outcome == REFUSED_REPEAT:
            return await self._settle(attempt, REFUSED_REPEAT)
        return await self._unless_detached(attempt, outcome) if isinstance(attempt.operation, Detach) else outcome

    async def _unless_detached(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """The outcome; Stripe refuses to detach what is no customer's already, as somebody else has detached it."""
        seen = await self._look(attempt) if isinstance(outcome, Declined) else None
        return seen if isinstance(seen, Detached) else outcome

    async def _asked(self, attempt: Attempt, found: Awaitable[Outcome]) -> Outcome:
        """The outcome that is found; of a charge with nobody there that needs its customer, what comes of asking him: a page to
        go to.

        It is confirmed under a key of its own, so that each try is that one request, and of a PaymentIntent that has taken
        nothing. Once the charge has expired nobody is asked any more. Who may only read must not take the decline for the end:
        the customer may be asked already, though no answer tells of it.
        """
        outcome, charge = await found, attempt.operation
        too_late = attempt.ages.expired or attempt.ages.key_age_now() >= REPLAY_LIMIT
        if too_late or not isinstance(charge, Charge) or not wants_customer(charge, outcome):
            return outcome
        if not attempt.same_account:
            return NOT_ASKED
        path, form = on_session(charge, outcome.reference or "")
        response = await self._client.post(_key(attempt), path, form, key=attempt.key_for("confirm"))
        asked = outcome_of_response(charge, response, repeat=True)
        stale = response.replayed and isinstance(asked, ActionRequired)  # the customer has been there since
        if asked != REFUSED_REPEAT and not stale:
            return asked
        confirmed = shown(charge, await self._client.get(_key(attempt), intent_path(outcome.reference or ""), {}))
        return confirmed or outcome

    async def _query(self, attempt: Attempt) -> Outcome:
        _conceal(attempt)
        if not attempt.same_account or isinstance(attempt.operation, Dispute):
            return shown_by_another(await self._find(attempt))
        looked_at = isinstance(attempt.operation, Charge | Setup | Refund | Detach)
        if looked_at and (seen := await self._look(attempt)) is not None:
            return seen
        if attempt.ages.expired and isinstance(attempt.operation, Charge | Setup):
            return await self._expire(attempt, attempt.operation)
        if attempt.ages.key_age_now() >= REPLAY_LIMIT:
            return await self._settle(attempt, KEY_IS_OLD)
        outcome = await self._send(attempt)
        return await self._settle(attempt, outcome) if isinstance(outcome, Unknown) else outcome

    async def _expire(self, attempt: Attempt, operation: Charge | Setup) -> Outcome:
        """What Stripe's book shows of what is never sent any more. That it shows nothing is final only behind a
        fence: the request may be under way, or Stripe may not have carried it out yet. Of a book too long to be looked through
        the fence tells all the same.
        """
        if attempt.ages.key_age_now() >= REPLAY_LIMIT:
            return await self._settle(attempt, KEY_IS_OLD)
        seen = await self._find(attempt)
        if seen is not None and seen != _TOO_MUCH:
            return seen
        return ARRIVED if attempt.reference else await self._fence(attempt, operation)

    async def _fence(self, attempt: Attempt, operation: Charge | Setup) -> Outcome:
        """Make the operation's key useless, and learn by that whether Stripe has seen the operation."""
        path, form, key = *fence(operation), attempt.key_for(kind_of(operation))
        outcome = fenced(operation, await self._client.post(_key(attempt), path, form, key=key))
        if outcome == NEVER_CHARGED and attempt.ages.key_age_now() >= KEY_LIFE:
            return KEY_IS_OLD  # the key may have been free because Stripe has forgotten it, and the charge with it
        return outcome

    async def _settle(self, attempt: Attempt, doubt: Unknown) -> Outcome:
        """What Stripe's book shows. That it shows nothing is final only once the key is dead: until then a request under
        it may be under way, or Stripe may still carry out one that it has answered with an error.
        """
        # Judged before the book is read: what was read while the key was alive proves nothing after its death.
        dead = attempt.ages.key_age_now() >= KEY_LIFE
        seen = await self._find(attempt)
        if seen is not None:
            return seen
        return _WITHOUT_EFFECT if dead else doubt

    async def _send(self, attempt: Attempt) -> Outcome:
        path, form = request(attempt)
        response = await self._client.post(_key(attempt), path, form, key=attempt.key_for(kind_of(attempt.operation)))
        outcome = outcome_of_response(attempt.operation, response, repeat=attempt.first_sent_at is not None)
        if outcome == KEY_MISFIT:
            log.error(
                "idempotency key misfit",
                payment_id=attempt.operation.payment_id,
                client_ref=attempt.operation.client_ref,
            )
        return outcome

    async def _find(self, attempt: Attempt) -> Outcome | None:
        return await self._look(attempt) if object_path(attempt) else await self._search(attempt)

    async def _look(self, attempt: Attempt) -> Outcome | None:
        """The outcome by the object that the operation makes or changes; None without its id or an effect on it."""
        path = object_path(attempt)
        if path is None:
            return None
        return shown(attempt.operation, await self._client.get(_key(attempt), path, expansion(attempt.operation)))

    async def _search(self, attempt: Attempt) -> Outcome | None:
        """The outcome by the object that carries the operation's tag; None when there is none."""
        path, query = search(attempt, clock.now())
        for _ in range(_MAX_PAGES):
            seen, last_id = read_page(attempt.operation, await self._client.get(_key(attempt), path, query))
            if seen is not None or last_id is None:
                return seen
            query = query | {"starting_after": last_id}
        return _TOO_MUCH


def _conceal(attempt: Attempt) -> None:
    """What Stripe calls a saved method, and whose it is there, is nobody's business: paths are shown, and so is what Stripe says of them."""
    operation = attempt.operation
    saved = operation.method.saved if isinstance(operation, Charge) else None
    if isinstance(operation, Detach):
        conceal([operation.reference])
    elif saved is not None:
        conceal([saved.reference, saved.holder or ""])


def _noted(attempt: Attempt, outcome: Outcome) -> Outcome:
    """The outcome. Events about a method that was kept name that alone: by it the charge is found."""
    if (reference := kept_as(outcome)) is not None:
        attempt.references.note(METHOD, reference)
    return outcome


def _key(attempt: Attempt) -> str:
    return secret_key(attempt.credentials, attempt.operation.mode)
