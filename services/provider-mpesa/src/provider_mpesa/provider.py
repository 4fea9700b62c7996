"""M-Pesa as a payment provider: a prompt or a reversal once, and the ways to learn what became of it."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from malipo import clock
from malipo.contracts.outcomes import Outcome, Unknown
from malipo.contracts.provider_commands import Charge, Refund
from malipo.contracts.providers import mpesa
from provider_kit.errors import NotReady
from provider_kit.provider import (
    ACCOUNT_CHANGED,
    Attempt,
    Callback,
    Credentials,
    ParsedCallback,
    ProviderOperation,
    fingerprint,
    kind_of,
)
from provider_kit.sending import unless_silent
from provider_mpesa import by_hand, requests
from provider_mpesa.account import Certificates, MpesaAccount, read_account, read_keys
from provider_mpesa.client import MpesaClient
from provider_mpesa.events import ACKNOWLEDGED, parse
from provider_mpesa.mapping import (
    ORIGINATOR,
    checkout_of,
    is_traceless,
    outcome_of_push,
    outcome_of_query,
    outcome_of_reversal,
    outcome_of_status_query,
    outcome_without_name,
)
from provider_mpesa.prompt_names import whole
from provider_mpesa.purposes import PurposeBook

_VALIDATION_SECONDS = 5.0  # M-Pesa waits for less than eight, which the way here and back is part of
_NUMBER_ERASED = Unknown(reason="the customer's number is erased, with which M-Pesa's name of the prompt ends")
_NO_CONVERSATION = Unknown(reason="M-Pesa's name of the reversal is not known")


class MpesaProvider:
    """Prompts phones, and reverses what was paid; see `provider_kit.provider.Provider`.

    `settle`: how old a prompt has to be before a result ends it that M-Pesa may correct; and how long after it was sent the
    account's statement has to be known, and show no payment of it, before one ends whose name never came.
    """

    descriptor = mpesa.DESCRIPTOR

    def __init__(
        self, client: MpesaClient, certificates: Certificates, purposes: PurposeBook, *, settle: timedelta
    ) -> None:
        self._client = client
        self._certificates = certificates
        self._purposes = purposes
        self._settle = settle

    def identity(self, credentials: Credentials) -> str:
        """What M-Pesa is asked about, with whichever app and password: tills of one store have one statement, and prompts and
        reversals of theirs are known by the store's number.
        """
        return read_keys(credentials).shortcode

    async def prepare(self, attempt: Attempt) -> None:
        """Have an access token, and of a refund what its request is authorized by; know what a charge is for."""
        account, operation = _account(attempt), attempt.operation
        is_refund = isinstance(operation, Refund)
        if is_refund:
            self._certificates.credential(account)
        else:
            await self._purposes.keep(attempt.account, _purposes(operation))
        await self._client.ready(account, requests.REVERSAL if is_refund else requests.PUSH)

    async def execute(self, attempt: Attempt) -> Outcome:
        """Send the prompt or the reversal. What may be another account's, or has expired, is only asked about."""
        if not attempt.same_account or attempt.ages.expired:
            return await self.query(attempt)
        return await unless_silent(self._send(attempt))

    async def query(self, attempt: Attempt) -> Outcome:
        """Ask how the operation stands, by M-Pesa's name of it: without that nothing can be asked."""
        outcome = await unless_silent(self._look(attempt))
        return Unknown(reason=ACCOUNT_CHANGED) if not attempt.same_account and is_traceless(outcome) else outcome

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Read a callback: a hint, unless it is the answer to a request of ours at that request's own address.

        Raises `NotSent` when it cannot be decided in time whether to take a payment: then M-Pesa does as was registered.
        """
        match callback.word:
            case mpesa.VALIDATION:
                return ParsedCallback(mpesa.VALIDATION, reply=await self._validated(callback.body, credentials))
            case mpesa.CONFIRMATION:
                keys = read_keys(credentials)
                payment = by_hand.read(callback.body)
                return by_hand.told(callback.body, payment, statement=keys.pull_number is not None)
            case mpesa.PULL:
                return ParsedCallback(mpesa.PULL, reply=ACKNOWLEDGED, hastens=True)
            case _:
                return parse(callback, statement=read_keys(credentials).pull_number is not None)

    async def _validated(self, body: bytes, credentials: Credentials) -> Mapping[str, object]:
        """Whether the merchant takes a payment by hand, as M-Pesa reads it."""
        keys, payment = read_keys(credentials), by_hand.read(body)
        if payment is None:
            return by_hand.UNREADABLE
        if refused := by_hand.refusal(payment, keys):
            return refused
        if keys.by_hand.references == "any":
            return by_hand.VALID
        try:
            async with asyncio.timeout(_VALIDATION_SECONDS):
                known = await self._purposes.knows(fingerprint(self, credentials), by_hand.purpose_of(payment))
        except TimeoutError:
            raise NotReady("not decided in time") from None
        return by_hand.VALID if known else by_hand.UNKNOWN_ACCOUNT_NUMBER

    async def _send(self, attempt: Attempt) -> Outcome:
        account = _account(attempt)
        match attempt.operation:
            case Charge() as charge:
                body = requests.push(attempt, charge, account, clock.now())
                return outcome_of_push(attempt, charge, await self._client.call(account, requests.PUSH, body))
            case Refund() as refund:
                body = requests.reversal(attempt, refund, account, self._certificates.credential(account))
                return outcome_of_reversal(attempt, await self._client.call(account, requests.REVERSAL, body))
            case other:
                raise TypeError(kind_of(other))  # the descriptor has no other

    async def _look(self, attempt: Attempt) -> Outcome:
        match attempt.operation:
            case Charge() as charge:
                return await self._ask_about_prompt(attempt, charge)
            case Refund():
                return await self._ask_about_reversal(attempt)
            case other:
                raise TypeError(kind_of(other))  # as above

    async def _ask_about_prompt(self, attempt: Attempt, charge: Charge) -> Outcome:
        account, name = _account(attempt), checkout_of(attempt.references)
        if name is None:
            return outcome_without_name(attempt, account, settle=self._settle)
        checkout = whole(name, attempt.method)
        if checkout is None:
            return _NUMBER_ERASED
        body = requests.stk_query(account, checkout, clock.now())
        response = await self._client.call(account, requests.STK_QUERY, body)
        return outcome_of_query(attempt, charge, account, response, name=name, settle=self._settle)

    async def _ask_about_reversal(self, attempt: Attempt) -> Outcome:
        """The answer comes by callback, to the own address of the question."""
        originator = attempt.references.get(ORIGINATOR)
        if originator is None or not attempt.same_account:
            return _NO_CONVERSATION
        account = _account(attempt)
        body = requests.reversal_status(attempt, account, self._certificates.credential(account), originator)
        return outcome_of_status_query(await self._client.call(account, requests.STATUS, body))


def _purposes(operation: ProviderOperation) -> list[str]:
    """What a customer who pays a charge by hand may give as the account number."""
    return [one for one in (mpesa.own_reference(operation.operation_id), operation.client_ref) if one]


def _account(attempt: Attempt) -> MpesaAccount:
    return read_account(attempt.credentials, attempt.operation.mode)
