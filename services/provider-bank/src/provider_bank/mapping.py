"""Malipo's operations as requests to Partner bank, and its responses as Malipo's outcomes. Pure."""

from dataclasses import dataclass

from malipo.contracts.outcomes import Outcome
from provider_kit.provider import Attempt, ParsedCallback, ProviderOperation


@dataclass(frozen=True, slots=True)
class BankRequest:
    """One request: the same bytes for the same operation, for ever."""

    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class BankResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes
    retry_after: str | None


def request(attempt: Attempt) -> BankRequest:
    """What carries out the operation."""
    raise NotImplementedError("mapping.py, request: each operation as a request of Partner bank's API")


def inquiry(attempt: Attempt) -> BankRequest:
    """What reads how the operation stands: by the provider's id of it if that is known, else by ours."""
    raise NotImplementedError("mapping.py, inquiry: the request that reads how an operation stands at Partner bank")


def outcome_of(operation: ProviderOperation, response: BankResponse) -> Outcome:
    """What a response means for the operation; `Unknown` for all that is not documented.

    Raises `NotSent` where a response is documented to mean that nothing was processed, and `Misconfigured` where it means
    that the credentials are refused.
    """
    raise NotImplementedError("mapping.py, outcome_of: each response of Partner bank's API as an outcome")


def read_callback(body: bytes) -> ParsedCallback:
    """What a callback reports. Its id is the same when it comes again."""
    raise NotImplementedError("mapping.py, read_callback: a callback of Partner bank as outcomes of our operations")
