"""Registers an account at Safaricom: where payments by hand are asked about and confirmed, and that its statement is shown."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from provider_kit.credentials import Account, CredentialStore
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.sending import ResponseTooLong, Silence
from provider_mpesa import requests
from provider_mpesa.account import MpesaAccount, read_account
from provider_mpesa.answers import without_secrets
from provider_mpesa.client import MpesaClient
from provider_mpesa.objects import Fields, MpesaResponse, field_of, fields_of
from provider_mpesa.registrations import Known, Name, Registrations
from provider_mpesa.requests import AddressOf, Body

OTHERS = (
    "M-Pesa says that addresses are registered already, and nobody knows here whether they are Malipo's. Have Safaricom show "
    "or delete them; if they are Malipo's, give the command again with --ours"
)
LEFT = (
    "what is registered is an address that Malipo does not answer any more, since CALLBACK_BASE_URL or the key that it was made "
    "under has changed. Have Safaricom delete it, then give the command again"
)
ELSEWHERE = (
    "the short code has addresses on another platform of Safaricom's (M-Pesa says: duplicate notification info). Have Safaricom "
    "remove them there, then give the command again"
)
NO_NUMBER = (
    "not registered: the credentials have no `pull_number`, without which nothing is read that no callback brings. It is among "
    "the short code's KYC details in the M-PESA portal: save the credentials with it, then give the command again"
)
NO_ANSWER = "M-Pesa has not answered, so that nobody knows; give the command again"

_OK = 200
_NEW, _BEFORE = "1000", "1001"
_ALREADY = re.compile("already", re.IGNORECASE)
_ELSEWHERE = re.compile("duplicate notification info", re.IGNORECASE)
_MOST_CHARS = 200

type Answer = Literal["registered", "already"]


class Refused(Exception):
    """It is not registered, or nobody knows whether it is: the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`again`: also what has been registered before. `ours`: what M-Pesa says is registered already is Malipo's."""

    again: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one registration, for a person. `done`: as far as the credentials ask for it."""

    title: str
    done: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing to register: how it is asked for, and how the answer is read, which raises `Refused`."""

    name: Name
    title: str
    path: str
    body: Callable[[MpesaAccount, AddressOf], Body]
    read: Callable[[MpesaResponse], Answer]


class Registrar:
    """Registers accounts, each part once, and tells the gateway each time what is registered."""

    def __init__(self, client: MpesaClient, credentials: CredentialStore, registrations: Registrations) -> None:
        self._client = client
        self._credentials = credentials
        self._registrations = registrations

    async def register(self, account: Account, wish: Wish) -> Sequence[Told]:
        """Register all that the account has, and say what it has not. Raises `Misconfigured`."""
        there = read_account(account.credentials, account.mode)
        known = await self._registrations.known(account, there.keys.shortcode)
        told = [await self._told(part, account, there, known.get(part.name), wish) for part in _PARTS]
        await self._registrations.tell(account, there.keys.shortcode)
        return told

    async def _told(self, part: _Part, account: Account, there: MpesaAccount, known: Known | None, wish: Wish) -> Told:
        if part.name == "pull" and there.keys.pull_number is None:
            return Told(part.title, done=True, text=NO_NUMBER)
        ours = known if known is not None and known.is_answered else None
        if ours and not wish.again:
            return Told(part.title, done=True, text=f"registered since {ours.registered_at:%Y-%m-%d %H:%M} UTC")
        try:
            answer = await self._ask(part, account, there)
        except Refused as error:
            return Told(part.title, done=False, text=str(error))
        if part.name == "c2b" and answer == "already" and not (ours or wish.ours):
            return Told(part.title, done=False, text=LEFT if known else OTHERS)
        await self._registrations.keep(account, part.name, there.keys.shortcode)
        return Told(part.title, done=True, text="registered" if answer == "registered" else "registered before")

    async def _ask(self, part: _Part, account: Account, there: MpesaAccount) -> Answer:
        """Raises `Refused`."""
        address_of = partial(self._credentials.account_url, account)
        try:
            return part.read(await self._client.call(there, part.path, part.body(there, address_of)))
        except (Silence, ResponseTooLong):
            raise Refused(NO_ANSWER) from None
        except (NotSent, Misconfigured) as error:
            msg = f"nothing was sent: {error}"
            raise Refused(msg) from None


def _read_c2b(response: MpesaResponse) -> Answer:
    fields = _fields(response)
    code = field_of(fields, "responsecode")
    if response.status == _OK and code and not code.strip("0"):
        return "registered"
    # With HTTP 500, as documented, or with 200 and no code.
    said = field_of(fields, "errormessage") or field_of(fields, "responsedescription")
    if _ELSEWHERE.search(said):
        raise Refused(ELSEWHERE)
    if _ALREADY.search(said):
        return "already"
    raise _refusal(response, fields)


def _read_pull(response: MpesaResponse) -> Answer:
    fields = _fields(response)
    code = field_of(fields, "responsestatus")
    if response.status == _OK and code in (_NEW, _BEFORE):
        return "registered" if code == _NEW else "already"
    raise _refusal(response, fields)


def _fields(response: MpesaResponse) -> Fields:
    try:
        return fields_of(response.body)
    except ValueError:
        msg = f"M-Pesa's answer cannot be read (http {response.status}): give the command again"
        raise Refused(msg) from None


def _refusal(response: MpesaResponse, fields: Fields) -> Refused:
    said = (field_of(fields, name) for name in ("errormessage", "responsedescription", "responsemessage"))
    text = next(filter(None, said), f"http {response.status}")
    return Refused("M-Pesa refuses: " + "".join(filter(str.isprintable, without_secrets(text)))[:_MOST_CHARS])


_PARTS = (
    _Part("c2b", "payments by hand", requests.C2B_REGISTER, requests.c2b_register, _read_c2b),
    _Part("pull", "Pull Transactions", requests.PULL_REGISTER, requests.pull_register, _read_pull),
)
