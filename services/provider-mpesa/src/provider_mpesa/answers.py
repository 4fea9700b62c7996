"""M-Pesa's answers that accept a request, and what the others mean: code and text together tell what has happened. Pure."""

import re
from typing import Literal, NamedTuple

from malipo.contracts.outcomes import Declined, Outcome, Unknown
from provider_kit.errors import Misconfigured
from provider_mpesa.codes import DONE
from provider_mpesa.objects import ACCEPTED, FAILURE, Accepted, MpesaResponse, as_line, text_of
from redaction.text import HIDDEN

Pause = Literal["spike_arrest", "quota"]

_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _SERVER_ERROR = 200, 400, 401, 403, 500
_CODE = re.compile(r"[A-Za-z0-9._-]{1,30}")
_INVALID = re.compile(r"invalid\s+(\w+)")
_TOKEN_REFUSED = re.compile(
    rb"invalid access token|invalid authentication header|404\.001\.0[34]|400\.003\.01|401\.001", re.IGNORECASE
)
_PAGE = re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE)
_NO_PRODUCT = re.compile(rb"no apiproduct match", re.IGNORECASE)
_PAUSES: tuple[tuple[re.Pattern[bytes], Pause], ...] = (
    (re.compile(rb"spike\s*arrest\s*violation", re.IGNORECASE), "spike_arrest"),
    (re.compile(rb"quota\s*violation", re.IGNORECASE), "quota"),
)
_INVALID_REQUEST = ("400.002.02", "400.002.05", "400.003.02")
_NO_SUCH_API = ("404.001.01", "404.003.01", "405.001")
_ACCOUNTS_OWN = (
    *("businessshortcode", "password", "partyb", "transactiontype"),
    *("initiator", "securitycredential", "receiverparty"),
)
_INVALID_SAYS = "M-Pesa refuses the request as invalid."
_LONGEST_WORD = 24  # `RecieverIdentifierType` has 22 letters, and an access token 28
_ADDRESSES = ("callbackurl", "resulturl", "queuetimeouturl")


class Refusal(NamedTuple):
    """An error as M-Pesa tells it, and its text in lower case: one code has several meanings, which the text tells apart."""

    code: str
    text: str
    shown: str


def credentials_refused(response: MpesaResponse) -> bool:
    """Whether a request for an access token is refused for its key and secret: with 401, or 400 (`400.008.01`, or nothing)."""
    if response.status == _UNAUTHORIZED:
        return True
    return response.status == _BAD_REQUEST and (not response.body.strip() or b"400.008.01" in response.body)


def lacks_product(response: MpesaResponse) -> bool:
    """Whether the app was never given this API: nothing was processed, and a new access token would be refused as this one was."""
    return response.status >= _BAD_REQUEST and _NO_PRODUCT.search(response.body) is not None


def held_off(response: MpesaResponse) -> bool:
    """Whether a firewall in front of Daraja has refused the request, with a page: no API has seen it."""
    return response.status == _FORBIDDEN and _PAGE.match(response.body) is not None


def token_refused(response: MpesaResponse) -> bool:
    """Whether the access token was refused: nothing was processed."""
    if response.status == _UNAUTHORIZED:
        return True
    return _BAD_REQUEST <= response.status < _SERVER_ERROR and _TOKEN_REFUSED.search(response.body) is not None


def pause_of(response: MpesaResponse) -> Pause | None:
    """Why the gateway in front of M-Pesa has turned a request away, which M-Pesa has not seen then.

    By the text: the code 500.003.02 is also that of a system that is busy, which may have seen it.
    """
    if response.status < _BAD_REQUEST:
        return None
    return next((pause for pattern, pause in _PAUSES if pattern.search(response.body)), None)


def accepted(response: MpesaResponse) -> bool:
    """Whether M-Pesa takes the request on."""
    found = answered(response)
    return found is not None and text_of(found.code) == DONE


def answered(response: MpesaResponse) -> Accepted | None:
    """The answer to a request that is carried out later, whatever its code, or without one; None for what is no object."""
    try:
        return ACCEPTED.decode(response.body) if response.status == _OK else None
    except ValueError:
        return None


def refusal_of(response: MpesaResponse) -> Refusal | None:
    """The error in an answer, if there is one that can be read."""
    if response.status < _BAD_REQUEST:
        return None
    try:
        failure = FAILURE.decode(response.body)
    except ValueError:
        return None
    message = text_of(failure.message)
    return Refusal(text_of(failure.code), as_line(message), message)


def customer_busy(response: MpesaResponse) -> bool:
    """Whether a prompt is refused, and was not sent, because its customer has another one open."""
    refusal = refusal_of(response)
    return refusal is not None and "unable to lock subscriber" in refusal.text


def refused(response: MpesaResponse) -> Outcome:
    """What an answer means that accepts nothing, where it is documented; else a doubt. Raises `Misconfigured`."""
    refusal = refusal_of(response)
    if refusal and refusal.code in _INVALID_REQUEST and response.status < _SERVER_ERROR:
        return _invalid(refusal)
    return doubt(response)


def doubt(response: MpesaResponse) -> Unknown:
    """Nothing is known by such an answer. Raises `Misconfigured` where M-Pesa says that it is the credentials, or the address of its API."""
    refusal = refusal_of(response)
    silent = response.status >= _SERVER_ERROR
    if refusal is None:
        return Unknown(
            reason="unreadable answer" if response.status == _OK else f"http {response.status}", silent=silent
        )
    if "merchant does not exist" in refusal.text or "wrong credentials" in refusal.text:
        raise Misconfigured("M-Pesa refuses the short code or the passkey.")
    if refusal.code in _NO_SUCH_API:
        raise Misconfigured("M-Pesa has no such API: see MPESA_API_BASE.")
    return Unknown(reason=f"error {shown(refusal.code)}", silent=silent)


def shown(code: str) -> str:
    """A code of M-Pesa's, as far as it may be shown."""
    return code if _CODE.fullmatch(code) else "unreadable"


def _invalid(refusal: Refusal) -> Declined:
    found = _INVALID.search(refusal.text)
    field = found[1] if found else ""
    if field in _ADDRESSES:
        raise Misconfigured("M-Pesa refuses the addresses of our callbacks: see CALLBACK_BASE_URL.")
    if field in _ACCOUNTS_OWN:
        msg = f"M-Pesa refuses {field}, which is made of the credentials."
        raise Misconfigured(msg)
    return Declined(code="invalid_request", message=without_secrets(refusal.shown) or _INVALID_SAYS)


def without_secrets(text: str) -> str:
    """The text without its long words: a password, a token or an address of ours that it repeats is one."""
    return " ".join(word if len(word) <= _LONGEST_WORD else HIDDEN for word in text.split())
