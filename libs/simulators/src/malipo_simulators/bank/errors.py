"""The bank's errors as values to raise: problems as RFC 9457 has them, and those of OAuth."""

from collections.abc import Iterable
from dataclasses import replace

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.shapes import Json

PROBLEM = "application/problem+json"
TYPES = "https://bank.example/problems/"


class BankError(Refusal):
    """A problem: `code` is stable, `title` and `detail` are for people. The dialect writes the `request_id` into it.

    None is remembered under an Idempotency-Key: only what had an effect is.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str | None = None,
        errors: Iterable[Json] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.code = code
        body: Json = {"type": TYPES + code, "title": title, "status": status, "code": code, "detail": detail or title}
        body["errors"] = list(errors)
        super().__init__(Answer(status, encode(body), headers or {}, content_type=PROBLEM))


def with_request_id(answer: Answer, request_id: str | None) -> Answer:
    """A problem names its request, which it does not know where it is raised."""
    if answer.content_type != PROBLEM:
        return answer
    return replace(answer, body=b'{"request_id":"%s",' % str(request_id).encode() + answer.body[1:])


class OAuthError(Refusal):
    """What the token's endpoint answers (RFC 6749, section 5.2)."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(Answer(status, encode({"error": error, "error_description": description}), headers or {}))


def invalid_client() -> OAuthError:
    return OAuthError(401, "invalid_client", "Client authentication failed", {"WWW-Authenticate": "Basic"})


def unsupported_grant() -> OAuthError:
    return OAuthError(400, "unsupported_grant_type", "Only client_credentials")


def unauthenticated(detail: str) -> BankError:
    return BankError(401, "unauthenticated", "Not authenticated", detail=detail, headers={"WWW-Authenticate": "Bearer"})


def distrusted(code: str, detail: str) -> BankError:
    """A certificate or a signature that is not believed."""
    return BankError(401, code, "Not authenticated", detail=detail)


def account_forbidden(account_id: str) -> BankError:
    return BankError(403, "account_forbidden", "Not your account", detail=f"{account_id} is another customer's.")


def account_unclear() -> BankError:
    return BankError(422, "account_unclear", "Several accounts, or none", detail="Name one as debtor_account_id.")


def not_found(what: str) -> BankError:
    return BankError(404, "not_found", "Not found", detail=f"There is no such {what}.")


def method_not_allowed(allowed: Iterable[str]) -> BankError:
    methods = ", ".join(allowed)
    return BankError(405, "method_not_allowed", "Method not allowed", detail=methods, headers={"Allow": methods})


def too_large() -> BankError:
    return BankError(413, "too_large", "The body is too large")


def wrong_media_type() -> BankError:
    return BankError(415, "media_type_unsupported", "Only application/json")


def malformed(detail: str) -> BankError:
    return BankError(400, "malformed", "The request cannot be read", detail=detail)


def invalid(errors: Iterable[Json]) -> BankError:
    """`errors` are `{field, code}`: a JSON pointer into the body, or a parameter's name."""
    return BankError(422, "invalid", "Some of it is wrong", errors=errors)


def refused(code: str, title: str, field: str) -> BankError:
    """What is well formed, and cannot be done."""
    return BankError(422, code, title, errors=[{"field": field, "code": code}])


def key_required() -> BankError:
    return BankError(400, "idempotency_key_required", "Give an Idempotency-Key of 1 to 64 visible characters")


def key_reused() -> BankError:
    return BankError(422, "idempotency_key_reused", "This Idempotency-Key was another request's")


def key_in_flight() -> BankError:
    return BankError(409, "idempotency_in_flight", "The request with this Idempotency-Key is still under way")


def duplicate_end_to_end_id() -> BankError:
    return BankError(409, "duplicate_end_to_end_id", "There is a payment with this end_to_end_id")


def not_cancelable(status: str) -> BankError:
    return BankError(409, "not_cancelable", "It can no longer be canceled", detail=f"It is {status}.")


def return_request_impossible(detail: str) -> BankError:
    return BankError(409, "return_request_impossible", "It cannot be asked back", detail=detail)


def statement_not_ready() -> BankError:
    return BankError(404, "statement_not_ready", "The day is not over")


def server_error() -> BankError:
    return BankError(500, "server_error", "Something went wrong here")


def rate_limited(retry_after_seconds: int) -> BankError:
    return BankError(429, "rate_limited", "Too many requests", headers={"Retry-After": str(retry_after_seconds)})


def no_room() -> BankError:
    return BankError(503, "no_room", "This simulator has no room for more accounts")
