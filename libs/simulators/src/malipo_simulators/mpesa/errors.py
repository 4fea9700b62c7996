"""Daraja's refusals as values to raise. Its code begins with the HTTP status."""

from malipo_simulators.kit.api.answers import Answer, Refusal, encode

BAD_REQUEST, BAD_REQUEST_ELSEWHERE = "400.002.02", "400.003.02"
# The products whose pages have codes of a family of their own.
ELSEWHERE = ("/mpesa/c2b/", "/mpesa/transactionstatus/")


class DarajaError(Refusal):
    """`{"requestId", "errorCode", "errorMessage"}`. The same code may mean several things: the text tells them apart.

    The dialect writes the request's id into it, as it is not known where an error is raised.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(Answer(status or int(code[:3]), encode({"errorCode": code, "errorMessage": message})))
        self.code = code
        self.message = message


def bad_request(message: str, code: str = BAD_REQUEST) -> DarajaError:
    return DarajaError(code, message)


def invalid(field: str, code: str = BAD_REQUEST) -> DarajaError:
    """A field that is missing, of another kind, or against a rule."""
    return bad_request(f"Bad Request - Invalid {field}", code)


def bad_request_code(path: str) -> str:
    """The products of Daraja do not agree on this either."""
    return BAD_REQUEST_ELSEWHERE if path.startswith(ELSEWHERE) else BAD_REQUEST


def invalid_payload() -> DarajaError:
    """The body is no JSON object."""
    return DarajaError("400.002.05", "Invalid Request Payload")


def invalid_token(path: str) -> DarajaError:
    """A token that is unknown, killed or too old. The products of Daraja do not agree how to say so."""
    if path.startswith("/mpesa/accountbalance/"):
        return DarajaError("401.002.01", "Error Occurred - Invalid Access Token")
    if path.startswith(ELSEWHERE):
        return DarajaError("400.003.01", "Invalid Access Token")
    if path.startswith("/pulltransactions/"):
        return DarajaError("401.001", "Invalid Access Token")
    return DarajaError("404.001.03", "Invalid Access Token")


def invalid_header() -> DarajaError:
    return DarajaError("404.001.04", "Invalid Authentication Header")


def invalid_authentication() -> DarajaError:
    """For a token only: no Basic authentication, or that of nobody."""
    return DarajaError("400.008.01", "Invalid Authentication passed")


def invalid_grant_type() -> DarajaError:
    return DarajaError("400.008.02", "Invalid grant type passed")


def not_found() -> DarajaError:
    return DarajaError("404.001.01", "Resource not found")


def method_not_allowed(method: str) -> DarajaError:
    return DarajaError("405.001", f"{method} Method Not Allowed")


def refused(message: str) -> DarajaError:
    """The code that stands for several things: unknown merchant, wrong password, a locked subscriber, still working."""
    return DarajaError("500.001.1001", message)


def server_error() -> DarajaError:
    return DarajaError("500.003.1001", "Internal Server Error")


def system_busy() -> DarajaError:
    return DarajaError("500.003.02", "System is busy. Please try again in few minutes.")


def spike_arrest() -> DarajaError:
    return DarajaError("500.003.02", "Error Occurred: Spike Arrest Violation")


def quota_violation() -> DarajaError:
    return DarajaError("500.003.03", "Quota Violation")
