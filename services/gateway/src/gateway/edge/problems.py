"""Everything that can go wrong for a merchant, as one table: code, status, what it means, what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from malipo.contracts.descriptor import ProviderDescriptor
from malipo.contracts.providers import PROVIDERS


@dataclass(frozen=True)
class Retry:
    """Whether the same request may be sent again, when, and whether with the same Idempotency-Key."""

    safe: bool
    after_seconds: int | None = None
    same_key: bool = True


@dataclass(frozen=True)
class Kind:
    """One code. `advice` says what to do next; it is the `detail` unless something more exact is known."""

    status: int
    title: str
    advice: str
    retry: Retry


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is a JSON pointer into the body, or a parameter's name."""

    field: str
    code: str
    detail: str


CORRECT = Retry(safe=False)
"""Sending the same again gives the same answer. Nothing was written, so a corrected request may use the same key."""

ANSWERED = Retry(safe=False, same_key=False)
"""The key remembers this answer: a different request needs a key of its own."""


def soon(seconds: int) -> Retry:
    """The same request, with the same key, may succeed after `seconds`."""
    return Retry(safe=True, after_seconds=seconds)


# fmt: off
PROBLEMS: dict[str, Kind] = {
    # The client
    "api_key_missing":        Kind(401, "No API key", "Send your key in the X-API-Key header.", CORRECT),
    "api_key_invalid":        Kind(401, "Unknown API key", "Check the key: it starts with mk_test_ or mk_live_.", CORRECT),
    "api_key_revoked":        Kind(401, "Revoked API key", "This key was revoked: use another one.", CORRECT),
    "api_key_expired":        Kind(401, "Expired API key", "This key has expired: use another one.", CORRECT),
    "scope_missing":          Kind(403, "Not allowed for this key", "Use a key that has the scope this route needs.", CORRECT),
    "rate_limited":           Kind(429, "Too many requests", "Slow down: wait as Retry-After says.", soon(1)),
    # Answered beneath the application, and not logged by it: see libs/http-limits
    "request_malformed":        Kind(400, "No HTTP", "Let an HTTP library write the request.", CORRECT),
    "headers_too_slow":         Kind(408, "Headers too slow", "Send the whole head of the request within ten seconds.", soon(1)),
    "headers_too_large":        Kind(431, "Headers too large", "A request's line and headers may have 16 KiB and 100 lines.", CORRECT),
    "too_many_connections":     Kind(503, "Too many connections", "Keep connections open and use them again: one address may have so many, and no more.", soon(1)),
    "http_version_unsupported": Kind(505, "HTTP version not supported", "Speak HTTP/1.1.", CORRECT),
    # Answered by a proxy in front of the application: see deploy/proxy
    "service_unreachable":      Kind(502, "No replica can be reached", "Send it again with the same Idempotency-Key: nothing happens twice.", soon(2)),
    "answer_too_late":          Kind(504, "No answer in time", "Send it again with the same Idempotency-Key: nothing happens twice.", soon(5)),
    # The request as such
    "header_repeated":        Kind(400, "Header given twice", "Send X-API-Key, Content-Type and Content-Encoding once each at most.", CORRECT),
    "route_unknown":          Kind(404, "No such route", "See /docs for the routes there are.", CORRECT),
    "method_not_allowed":     Kind(405, "Method not allowed", "The Allow header lists what this route takes.", CORRECT),
    "body_missing":           Kind(400, "No body", "Send a JSON object.", CORRECT),
    "body_too_large":         Kind(413, "Body too large", "A body may have 64 KiB.", CORRECT),
    "body_too_slow":          Kind(408, "Body too slow", "Send the whole body within ten seconds.", soon(1)),
    "json_malformed":         Kind(400, "Malformed JSON", "Send one JSON object in UTF-8.", CORRECT),
    "json_duplicate_member":  Kind(400, "JSON member given twice", "Give each member of an object once.", CORRECT),
    "unsupported_media_type": Kind(415, "Not JSON", "Send Content-Type: application/json, and no Content-Encoding.", CORRECT),
    "parameter_unknown":      Kind(400, "Unknown query parameter", "Remove it; see /docs for those there are.", CORRECT),
    "parameter_repeated":     Kind(400, "Query parameter given twice", "Give each parameter once.", CORRECT),
    "parameter_invalid":      Kind(400, "Invalid parameter", "See /docs for what it takes in the path or the query.", CORRECT),
    "limit_invalid":          Kind(400, "Invalid limit", "Give a whole number from 1 to 100.", CORRECT),
    "cursor_invalid":         Kind(400, "Invalid cursor", "Use next_cursor of a page of this list, unchanged.", CORRECT),
    # Idempotency
    "idempotency_key_missing":   Kind(400, "No Idempotency-Key", "Send an Idempotency-Key header, e.g. a UUID: a new one for each payment, refund or whatever else you ask for, and the same for each repeat of it.", CORRECT),
    "idempotency_key_invalid":   Kind(400, "Invalid Idempotency-Key", "Send one, of 1 to 255 printable ASCII characters.", CORRECT),
    "idempotency_key_reused":    Kind(422, "Idempotency-Key used for another request", "Repeat the first request unchanged, or use a new key.", ANSWERED),
    "idempotency_key_in_flight": Kind(409, "The first request with this key is still running", "Send it again in a second, with the same key.", soon(1)),
    "resource_gone":             Kind(410, "What this key made is gone", "It was deleted since. Use a new key to make another.", ANSWERED),
    # Fields of the body
    "field_missing":           Kind(422, "Required field missing", "Add the field.", CORRECT),
    "field_unknown":           Kind(422, "Unknown field", "Remove the field; see /docs for those there are.", CORRECT),
    "type_wrong":              Kind(422, "Wrong type", "See /docs for the type.", CORRECT),
    "value_invalid":           Kind(422, "Invalid value", "See /docs for what the field takes.", CORRECT),
    "choice_unknown":          Kind(422, "Unknown choice", "Use one of the values that /docs lists.", CORRECT),
    "text_empty":              Kind(422, "Empty text", "Give a text, or leave the field out.", CORRECT),
    "text_too_long":           Kind(422, "Text too long", "Shorten it.", CORRECT),
    "text_control_characters": Kind(422, "Control characters in a text", "Remove line breaks and other control characters.", CORRECT),
    "too_many_entries":        Kind(422, "Too many entries", "Send fewer.", CORRECT),
    "amount_not_integer":      Kind(422, "Amount is not an integer", "Give minor units as a JSON integer: 1250 for 12.50 USD.", CORRECT),
    "amount_too_small":        Kind(422, "Amount too small", "Give at least 1 minor unit, and what the provider takes at least: GET /v1/providers.", CORRECT),
    "amount_too_large":        Kind(422, "Amount too large", "Give at most 99999999999 minor units, and what the provider takes at most: GET /v1/providers.", CORRECT),
    "amount_not_representable":Kind(422, "Amount finer than the provider takes", "Round it to the currency's `step` at the provider: GET /v1/providers.", CORRECT),
    "currency_unknown":        Kind(422, "Unknown currency", "Give an ISO 4217 code in capitals, e.g. USD; GET /v1/providers lists them by method.", CORRECT),
    "currency_unsupported":    Kind(422, "Currency not supported by this method", "Use another currency or another method.", CORRECT),
    "method_unsupported":      Kind(422, "The provider does not have this method", "Name another provider, or none.", CORRECT),
    "operation_unsupported":   Kind(422, "The provider cannot do this", "Do what is possible there; GET /v1/providers lists it.", CORRECT),
    "remittance_unsupported":  Kind(422, "No recipient who reads it", "Leave remittance out, or use a method that has a recipient.", CORRECT),
    "statement_descriptor_unsupported": Kind(422, "No statement that could show it", "Leave statement_descriptor out, or use a method that shows one: GET /v1/providers.", CORRECT),
    "statement_descriptor_invalid": Kind(422, "Not a text that the statement can show", "Use the characters that the provider takes: GET /v1/providers.", CORRECT),
    "save_method_unsupported": Kind(422, "The method cannot be kept", "Use a method that can be (GET /v1/providers: saves), or leave save_method out.", CORRECT),
    "payment_method_mismatch": Kind(422, "Not the saved method's", "Leave customer_ref, provider and account out, or give the saved method's.", CORRECT),
    "series_mismatch":         Kind(422, "Not this series'", "Charge the series' own customer, in its currency, no more than its max_amount, or use another series: customer_ref and currency of one stay.", CORRECT),
    "method_unknown":          Kind(422, "Unknown payment method", "Use a method type that /docs lists.", CORRECT),
    "raw_card_number":         Kind(422, "Card number refused", "Never send card numbers: tokenise the card in the browser and send its token, e.g. pm_... Treat the number you sent as exposed.", CORRECT),
    "url_invalid":             Kind(422, "Invalid URL", "Give an absolute http or https URL without user name, fragment or blanks, its host of ASCII.", CORRECT),
    "url_not_https":           Kind(422, "URL is not https", "Webhooks go to https on port 443 only.", CORRECT),
    "url_not_public":          Kind(422, "URL is not on the Internet", "Give a host that everybody can reach: webhooks go to no private, local or reserved address or name.", CORRECT),
    "event_type_invalid":      Kind(422, "Invalid event type", "Give types such as payment.completed.", CORRECT),
    "credential_mode_mismatch":Kind(422, "Credential of the other mode", "Use a test key with mk_test_ and a live key with mk_live_.", CORRECT),
    "expires_at_out_of_range": Kind(422, "Not a time that a payment may end at", "Give a time that the method allows (GET /v1/providers), or leave it out.", CORRECT),
    "provider_unknown":        Kind(422, "Unknown provider", "Use a provider that /docs lists.", CORRECT),
    "provider_not_configured": Kind(422, "No credentials for a provider", "PUT /v1/provider-credentials/{provider}/accounts/{account} first, in the same mode.", CORRECT),
    # Things that are not there; those of another merchant or mode are not there either
    "payment_not_found":             Kind(404, "No such payment", "Check the id, and that your key has the payment's mode.", CORRECT),
    "timeline_gone":                 Kind(410, "Its timeline is kept no longer", "Read the payment itself, which stays; whoever runs Malipo may have an archive of its timeline.", CORRECT),
    "refund_not_found":              Kind(404, "No such refund", "Check the id, and that your key has the refund's mode.", CORRECT),
    "payment_method_not_found":      Kind(404, "No such saved payment method", "GET /v1/payment-methods lists yours; check that your key has its mode.", CORRECT),
    "series_not_found":             Kind(404, "No such series", "PUT its rules first: /v1/series/{id}.", CORRECT),
    "webhook_endpoint_not_found":    Kind(404, "No such webhook endpoint", "GET /v1/webhook-endpoints lists yours.", CORRECT),
    "provider_credentials_not_found":Kind(404, "No credentials for this account", "PUT them first, at the same address.", CORRECT),
    # The orchestrator's refusals of a command
    "refund_exceeds_captured":   Kind(409, "Refund exceeds what is left", "Read the payment: amount_captured less amount_refunded, refunds under way and what lost disputes have taken is left.", ANSWERED),
    "payment_not_refundable":    Kind(409, "Payment cannot be refunded", "Only a payment that took money can be refunded.", ANSWERED),
    "payment_not_capturable":    Kind(409, "Payment cannot be captured", "Only an authorized payment can be captured.", ANSWERED),
    "capture_exceeds_authorized":Kind(409, "Capture exceeds what is authorized", "Capture the payment's amount or less.", ANSWERED),
    "capture_in_progress":       Kind(409, "Another capture is under way", "Wait for its end; GET the payment.", ANSWERED),
    "cancel_in_progress":        Kind(409, "A cancel is under way", "Wait for its end; GET the payment.", ANSWERED),
    "payment_not_cancelable":    Kind(409, "Payment cannot be canceled", "Money has moved or the payment has ended; refund it if it took money, ask for its return if it sent some.", ANSWERED),
    "return_request_impossible": Kind(409, "Nobody can be asked for the money", "Only of a completed transfer by a rail that knows return requests; else ask the recipient.", ANSWERED),
    "return_request_in_progress":Kind(409, "A return request is under way", "Wait for its end; GET the payment.", ANSWERED),
    "payment_disputed":          Kind(409, "The payment is disputed", "Wait for the dispute's end, or answer it at the provider; GET the payment's disputes. Only with despite_dispute it is refunded all the same.", ANSWERED),
    "payment_method_declined":   Kind(409, "The card is not to be charged again", "Its last decline said do_not_try_again, for which card networks fine: ask the customer for another card. Only with despite_decline it is charged all the same.", CORRECT),
    "series_limit_reached":      Kind(409, "The series has no charge left in this period", "GET /v1/series/{id} shows what counts; send it again once the next period has begun.", soon(86_400)),
    "series_amount_exceeded":    Kind(409, "The series does not allow so much in one period", "GET /v1/series/{id} shows what is left; charge less, or wait for the next period.", soon(86_400)),
    "payment_method_detached":   Kind(409, "The saved method is detached", "Ask the customer for another one: what is or was to be detached is charged no more.", ANSWERED),
    "payment_method_not_active": Kind(409, "The saved method is not active", "GET it to see its status: only an active one can be charged or detached.", CORRECT),
    "payment_method_expired":    Kind(409, "The saved card has expired", "Ask the customer for another card.", CORRECT),
    "command_refused":           Kind(409, "The command was refused", "GET the payment to see its state.", ANSWERED),
    "webhook_endpoint_limit":    Kind(409, "Too many webhook endpoints", "Delete one first.", CORRECT),
    "provider_account_limit":    Kind(409, "Too many accounts at a provider", "Delete the credentials of one first.", CORRECT),
    # Us
    "database_unavailable": Kind(503, "The database is away", "Send it again with the same Idempotency-Key: nothing happens twice.", soon(2)),
    "internal_error":       Kind(500, "Our mistake", "Send it again with the same Idempotency-Key, or tell us the request id.", soon(5)),
}
# fmt: on


def problems_of(provider: ProviderDescriptor) -> dict[str, Kind]:
    """What may be wrong with what this provider alone understands."""
    return {code: Kind(422, text.title, text.advice, CORRECT) for code, text in provider.problems.items()}


for _provider in PROVIDERS.values():
    PROBLEMS.update(problems_of(_provider))


class Problem(Exception):
    """A request ends with this code. Answered as RFC 9457 `application/problem+json`.

    `detail` replaces the code's advice. `after_seconds` replaces the table's and is sent as `Retry-After` too.
    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        after_seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.kind = PROBLEMS.get(code, PROBLEMS["command_refused"])
        self.detail = detail or self.kind.advice
        self.errors = tuple(errors)
        self.after_seconds = after_seconds or self.kind.retry.after_seconds
        self._headers = dict(headers or {})

    def headers(self) -> dict[str, str]:
        """The answer's headers besides its content type."""
        headers = dict(self._headers)
        if self.kind.status == 401:
            headers["WWW-Authenticate"] = "ApiKey"
        if self.after_seconds is not None:
            headers["Retry-After"] = str(self.after_seconds)
        return headers

    def body(self, request_id: str) -> dict[str, Any]:
        """The answer's JSON object."""
        return {
            "type": f"urn:malipo:problem:{self.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "code": self.code,
            "instance": request_id,
            "errors": [asdict(error) for error in self.errors],
            "retry": asdict(self.kind.retry) | {"after_seconds": self.after_seconds},
        }


def of_fields(errors: Sequence[FieldError]) -> Problem:
    """One problem for what is wrong with several fields: its code is the first one's."""
    first = errors[0]
    return Problem(first.code, f"{first.field or 'body'}: {first.detail}", errors=errors)
