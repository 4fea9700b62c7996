"""PayPal's errors as values to raise: the envelope with name, message, details and links, and that of OAuth."""

from collections.abc import Iterable
from dataclasses import replace

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.shapes import Json

# By status: the name and the words of the envelope.
ENVELOPES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: (
        "AUTHENTICATION_FAILURE",
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    405: ("METHOD_NOT_SUPPORTED", "The server does not implement the requested HTTP method."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    413: ("PAYLOAD_TOO_LARGE", "The request payload is too large."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}
DOCUMENTATION = "https://developer.paypal.com/api/rest/reference/orders/v2/errors/"
ERROR_BEGINS = b'{"name":'


class PaypalError(Refusal):
    """A response that is no 2xx. `envelope`: a name and a message that are not those of its status.

    The dialect writes the `debug_id` into it, as it is not known where an error is raised.

    None is remembered under a PayPal-Request-Id: only what had an effect is.
    """

    def __init__(
        self,
        status: int,
        details: Iterable[Json] = (),
        *,
        links: Iterable[Json] = (),
        headers: dict[str, str] | None = None,
        envelope: tuple[str, str] | None = None,
    ) -> None:
        self.status = status
        self.details = list(details)
        name, message = envelope or ENVELOPES[status]
        body: Json = {"name": name, "message": message}
        if self.details:
            body["details"] = self.details
        body["links"] = [information(self.issue or name), *links]
        super().__init__(Answer(status, encode(body), headers or {}))

    @property
    def issue(self) -> str | None:
        """The first one's name."""
        return str(self.details[0]["issue"]) if self.details else None


def with_debug_id(answer: Answer, debug_id: str | None) -> Answer:
    """An error's envelope names its request, which it does not know where it is raised."""
    if answer.status < 400 or not answer.body.startswith(ERROR_BEGINS):
        return answer
    return replace(answer, body=b'{"debug_id":"%s",' % str(debug_id).encode() + answer.body[1:])


class OAuthError(Refusal):
    """What the token's endpoint answers: `{"error", "error_description"}`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(Answer(status, encode({"error": error, "error_description": description})))


def information(name: str) -> Json:
    return {"href": f"{DOCUMENTATION}#{name}", "rel": "information_link", "method": "GET"}


def detail(
    issue: str, description: str, *, field: str | None = None, value: object = None, in_query: bool = False
) -> Json:
    """`field` is a JSON pointer into the body, or the name of a header or parameter."""
    body: Json = {"issue": issue}
    if description:
        body["description"] = description
    if field is not None:
        located = "body" if field.startswith("/") else "query" if in_query else None
        body |= {"field": field} | ({"location": located} if located else {})
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        body["value"] = str(value)
    return body


def unauthenticated() -> PaypalError:
    return PaypalError(401)


def not_found() -> PaypalError:
    """A path that there is not."""
    return PaypalError(404)


def no_such_resource() -> PaypalError:
    words = "Specified resource ID does not exist. Please check the resource ID and try again."
    return PaypalError(404, [detail("INVALID_RESOURCE_ID", words)])


def method_not_supported() -> PaypalError:
    return PaypalError(405)


def too_large() -> PaypalError:
    return PaypalError(413)


def wrong_media_type() -> PaypalError:
    return PaypalError(415)


def server_error() -> PaypalError:
    return PaypalError(500)


def rate_limited(retry_after_seconds: int) -> PaypalError:
    return PaypalError(429, headers={"Retry-After": str(retry_after_seconds)})


def in_progress() -> PaypalError:
    """Another request with the same PayPal-Request-Id is still under way."""
    words = (
        "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best to "
        "space out the initial and the subsequent request(s) to avoid receiving this error."
    )
    return PaypalError(409, [detail("PREVIOUS_REQUEST_IN_PROGRESS", words)])


def no_room() -> PaypalError:
    return PaypalError(503)


def invalid_client() -> OAuthError:
    return OAuthError(401, "invalid_client", "Client Authentication failed")


def unsupported_grant() -> OAuthError:
    return OAuthError(400, "unsupported_grant_type", "Unsupported grant_type")


def unreadable_fault(why: str) -> PaypalError:
    return PaypalError(400, [detail("INVALID_PARAMETER_VALUE", why)])
