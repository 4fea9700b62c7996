"""The partner bank as a provider: one POST a transfer, and before any repeat a look at what the bank's book shows of it."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta

from malipo.contracts.outcomes import Declined, Outcome, Unknown
from malipo.contracts.provider_commands import Cancel, Charge, ReturnRequest, Setup
from malipo.contracts.providers.bank import DESCRIPTOR, REPEAT
from malipo.platform.logs import log
from provider_bank import events, mapping, requests
from provider_bank.account import Access, access_of, read_account
from provider_bank.client import BankClient
from provider_bank.keys import Keys
from provider_bank.mapping import Unclear
from provider_bank.objects import KEYS_PATH, PAGES, PAYMENT, PAYMENTS, PAYMENTS_PATH, BankResponse, Payment
from provider_bank.partners import Partner
from provider_bank.requests import BankRequest
from provider_bank.verification import Verifier
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, Credentials, ParsedCallback
from provider_kit.sending import ResponseTooLong, Silence, unless_silent

KEY_LIFE = REPEAT.life
REPLAY_LIMIT = KEY_LIFE - timedelta(hours=1)
"""Nothing is repeated later than this, so that every request under a key has ended before the key's life has."""
SETTLED = timedelta(minutes=10)
"""No request of ours, and nothing that the bank does with one, takes longer: what it has done shows in its book by then."""

_KEY_IS_OLD = Unknown(reason="the key is old")
_EXPIRED = Unknown(reason="expired, and perhaps on its way to the bank")
_ERASED = Unknown(reason="the recipient is erased")
_NOT_READ = Unknown(reason="the bank's book could not be read")
_NOT_FOUND = Unknown(reason="the bank does not find it")
_WITHOUT_EFFECT = Declined(
    code="provider_error", message="A week after the request was sent, the bank's book shows no effect of it."
)


class _Doubt(Exception):
    """What was read is not understood."""

    def __init__(self, outcome: Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class _Missing(_Doubt):
    """The bank says that it has no such payment."""


class BankProvider:
    """Transfers money to recipients; see `provider_kit.provider.Provider`."""

    descriptor = DESCRIPTOR

    def __init__(self, client: BankClient, partners: Mapping[str, Partner]) -> None:
        self._client = client
        self._partners = partners
        self._verifier = Verifier(partners, Keys(self._key_set))

    def identity(self, credentials: Credentials) -> str:
        """The partner and the account that is debited: whatever opens it may be exchanged, and the keys stay known."""
        return read_account(credentials).identity

    async def prepare(self, attempt: Attempt) -> None:
        """Have a good certificate or an access token at hand."""
        await self._client.ready(self._access(attempt))

    async def execute(self, attempt: Attempt) -> Outcome:
        """Send the operation; before a repeat, a cancel and a return request, the bank's book is read.

        What was perhaps sent of another account, or has expired, is only looked for.
        """
        new = isinstance(attempt.operation, Charge) and attempt.first_sent_at is None
        if new and attempt.same_account and not attempt.ages.expired:
            return await _told(self._send(attempt))
        return await self.query(attempt)

    async def query(self, attempt: Attempt) -> Outcome:
        """Read what the bank's book shows, and else repeat the operation under its key, as long as the bank knows that.

        A charge that has expired is never repeated.
        """
        return await _told(self._query(attempt))

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Verify and read a webhook."""
        sent = await self._verifier.verify(callback, credentials)
        return events.read(callback, sent.event_id, read_account(credentials).debtor_account_id)

    async def _key_set(self, name: str) -> bytes:
        """The keys that a partner signs webhooks with. Raises `NotSent` or `Misconfigured`."""
        try:
            response = await self._client.look_up(name, self._partners[name], KEYS_PATH)
        except (Silence, ResponseTooLong):
            raise NotSent("the bank does not show its keys") from None
        if response.status != mapping.OK:
            msg = f"the bank does not show its keys: http {response.status}"
            raise NotSent(msg)
        return response.body

    async def _query(self, attempt: Attempt) -> Outcome:
        # Judged before the book is read: what was read while the key was alive proves nothing after its death.
        dead = attempt.ages.key_age_now() >= KEY_LIFE
        seen = await self._look(attempt)
        if not attempt.same_account:
            return seen or Unknown(reason=ACCOUNT_CHANGED)
        if seen is not None:
            return seen
        if dead:
            return _WITHOUT_EFFECT
        return _unsendable(attempt) or await self._send(attempt)

    async def _send(self, attempt: Attempt) -> Outcome:
        settled = attempt.ages.key_age_now() >= SETTLED
        access = self._access(attempt)
        response = await self._client.post(access, _request(attempt, access))
        if response.status in (mapping.OK, mapping.CREATED, mapping.ACCEPTED):
            return _shown(attempt, access, _payment_in(response)) or Unknown(reason="no effect yet")
        repeated = attempt.first_sent_at is not None
        answer = mapping.answered(attempt.operation, response, repeated=repeated, settled=settled)
        return await self._follow(attempt, answer.otherwise) if isinstance(answer, Unclear) else answer

    async def _follow(self, attempt: Attempt, otherwise: Outcome) -> Outcome:
        """What the book shows after an answer that does not tell. Something was sent: no failure to read says otherwise."""
        if isinstance(otherwise, Unknown):
            facts = {"payment_id": attempt.operation.payment_id, "client_ref": attempt.operation.client_ref}
            log.warning("the bank refuses a repeat", reason=otherwise.reason, **facts)
        try:
            return await self._look(attempt) or otherwise
        except (NotSent, Misconfigured):
            return _NOT_READ

    async def _look(self, attempt: Attempt) -> Outcome | None:
        """The outcome as the bank's book shows it; None when it shows no effect of the operation."""
        access = self._access(attempt)
        payment = await self._payment(attempt, access)
        return None if payment is None else _shown(attempt, access, payment)

    async def _payment(self, attempt: Attempt, access: Access) -> Payment | None:
        """The payment that the operation is about: a charge's by the name that we gave it, None when there is none.

        Raises `_Doubt`, also when one that the bank has named itself is not there.
        """
        operation = attempt.operation
        assert not isinstance(operation, Setup)  # the bank has none
        if isinstance(operation, Charge):
            found = await self._named_by_us(operation, access)
            given = _given(attempt)
            if found is not None or not given:
                return found
            named = given[-1]
        else:
            named = operation.reference
        return _payment_in(await self._get(access, requests.payment(named)))

    async def _named_by_us(self, charge: Charge, access: Access) -> Payment | None:
        """The payment that bears our name of the charge, if there is one. Raises `_Doubt`."""
        query = requests.by_own_reference(charge.operation_id, access.account.debtor_account_id)
        try:
            page = PAGES.decode((await self._get(access, PAYMENTS_PATH, query)).body)
        except _Missing:  # an empty list, in other words
            return None
        except ValueError:
            raise _Doubt(Unknown(reason="unreadable answer")) from None
        if len(page.data) > 1:
            raise _Doubt(Unknown(reason="several payments"))
        if not page.data and page.next_cursor is not None:  # it may yet be on the next one
            raise _Doubt(Unknown(reason="an empty page, and not the last"))
        return page.data[0] if page.data else None

    async def _get(self, access: Access, path: str, query: Mapping[str, str] | None = None) -> BankResponse:
        response = await self._client.get(access, path, query)
        if mapping.is_missing(response):
            raise _Missing(_NOT_FOUND)
        mapping.refuse_unsent(response)
        if response.status != mapping.OK:
            raise _Doubt(mapping.unread(response))
        return response

    def _access(self, attempt: Attempt) -> Access:
        return access_of(attempt.credentials, attempt.operation.mode, self._partners)


def _request(attempt: Attempt, access: Access) -> BankRequest:
    match attempt.operation:
        case Charge() as charge:
            return requests.transfer(attempt, charge, access.account.debtor_account_id)
        case Cancel(reference=payment_id):
            return requests.cancellation(attempt, payment_id)
        case ReturnRequest(reference=payment_id, reason=reason):
            return requests.return_request(attempt, payment_id, reason)
        case other:
            raise TypeError(type(other).__name__)


def _payment_in(response: BankResponse) -> Payment:
    try:
        return PAYMENTS.decode(response.body)
    except ValueError:
        raise _Doubt(Unknown(reason="unreadable answer")) from None


def _shown(attempt: Attempt, access: Access, payment: Payment) -> Outcome | None:
    """What the payment shows of the operation; of another payment nothing is believed, nor kept.

    Raises `ValueError` for an amount that cannot be.
    """
    if not mapping.is_about(attempt.operation, access.account.debtor_account_id, payment, _given(attempt)):
        return Unknown(reason="another payment")
    match attempt.operation:
        case Charge() as charge:
            mapping.note(attempt.references, payment)
            return mapping.of_charge(charge, payment)
        case ReturnRequest() as asked:
            mapping.note_asked(attempt.references, payment)
            return mapping.of_return_request(asked, payment)
        case _:
            return mapping.of_cancel(payment)


def _given(attempt: Attempt) -> Sequence[str]:
    """What the bank has called the charge's payment, the latest last: what it has named, it has."""
    first = [attempt.reference] if attempt.reference is not None else []
    return [*first, *(reference for role, reference in attempt.references.known if role == PAYMENT)]


def _unsendable(attempt: Attempt) -> Unknown | None:
    """Why nothing is sent for the operation, of which the book shows nothing: a doubt, for what was sent may be on its way."""
    if attempt.ages.key_age_now() >= REPLAY_LIMIT:
        return _KEY_IS_OLD
    if not isinstance(attempt.operation, Charge):
        return None
    if attempt.ages.expired:
        return _EXPIRED
    return _ERASED if attempt.method is None else None


async def _told(call: Awaitable[Outcome]) -> Outcome:
    try:
        return await unless_silent(call)
    except _Doubt as doubt:
        return doubt.outcome
    except ValueError:  # an amount that cannot be
        return Unknown(reason="unreadable answer")
