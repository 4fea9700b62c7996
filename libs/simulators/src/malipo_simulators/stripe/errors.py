"""Stripe's errors as values to raise: status, body, and whether an idempotency key remembers them."""

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.shapes import Json

DOC_URL = "https://stripe.com/docs/error-codes/"
RETRY = {"Stripe-Should-Retry": "true"}
FINAL = {"Stripe-Should-Retry": "false"}
"""What official clients go by before they look at the status."""
NEVER_RETRIED = (400, 401, 402, 403, 404)


class StripeError(Refusal):
    """A response that is not a 2xx.

    `remembered` follows the idempotency rule: what is refused before the endpoint starts its change (bad parameters,
    unknown ids, conflicts, rate limits, credentials) is forgotten and may be sent again under the same key; what the
    endpoint itself answered (declines, wrong state, 500) is stored and replayed.
    """

    def __init__(
        self, status: int, body: Json, *, remembered: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        told = headers or (FINAL if status in NEVER_RETRIED else {})
        super().__init__(Answer(status, encode({"error": body}), told), remembered=remembered)
        self.status = status
        self.message = str(body["message"])


def error_body(kind: str, message: str, code: str | None = None, param: str | None = None) -> Json:
    body: Json = {"type": kind, "message": message}
    if code:
        body |= {"code": code, "doc_url": DOC_URL + code.replace("_", "-")}
    if param:
        body["param"] = param
    return body


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    """400: the request cannot be carried out as written. Nothing happened, nothing is stored."""
    return StripeError(400, error_body("invalid_request_error", message, code, param))


def missing(param: str) -> StripeError:
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown_parameter(name: str, *, modelled: bool = True) -> StripeError:
    """Real parameters that this simulator does not model are refused, too, with a message of their own."""
    note = "" if modelled else " (Stripe has it; this simulator does not model it)"
    return invalid(f"Received unknown parameter: {name}{note}", code="parameter_unknown", param=name)


def no_such(noun: str, item_id: str, *, param: str, status: int = 404) -> StripeError:
    body = error_body("invalid_request_error", f"No such {noun}: '{item_id}'", "resource_missing", param)
    return StripeError(status, body)


def wrong_state(message: str, **intent: Json) -> StripeError:
    """400 with the intent inside (`payment_intent=` or `setup_intent=`): the endpoint looked at the object and refused."""
    [noun] = intent
    body = error_body("invalid_request_error", message, f"{noun}_unexpected_state")
    return StripeError(400, body | intent, remembered=True)


def refused_state(message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    """400 that depends on the object's state: stored under the key, as the endpoint had begun."""
    return StripeError(400, error_body("invalid_request_error", message, code, param), remembered=True)


def declined(body: Json) -> StripeError:
    """402: the card was declined. What was tried is inside, so that a client can keep its id."""
    return StripeError(402, body, remembered=True)


def unauthorized(message: str, code: str | None = None) -> StripeError:
    body = error_body("invalid_request_error", message, code)
    return StripeError(401, body, headers={"WWW-Authenticate": 'Basic realm="Stripe"'} | FINAL)


def forbidden(message: str) -> StripeError:
    return StripeError(403, error_body("invalid_request_error", message))


def server_error() -> StripeError:
    """500, stored and replayed for as long as the key lives: that is what the real service does."""
    body = error_body("api_error", "An unknown error occurred while processing the request.")
    return StripeError(500, body, remembered=True)


def rate_limited(retry_after_seconds: int) -> StripeError:
    body = error_body("invalid_request_error", "Request rate limit exceeded.", "rate_limit")
    headers = {"Retry-After": str(retry_after_seconds), "Stripe-Rate-Limited-Reason": "global-rate"}
    return StripeError(429, body, headers=headers)


def lock_timeout() -> StripeError:
    message = "This object cannot be accessed right now because another request is using it; try again."
    return StripeError(429, error_body("invalid_request_error", message, "lock_timeout"), headers=RETRY)


def key_in_use(key: str) -> StripeError:
    message = f"Another request with the idempotency key '{key}' is still being processed."
    return StripeError(409, error_body("invalid_request_error", message, "idempotency_key_in_use"), headers=RETRY)


def key_reused(key: str) -> StripeError:
    message = f"The idempotency key '{key}' was first used with other parameters or another endpoint."
    return StripeError(400, error_body("idempotency_error", message))
