"""What a simulator provides: how its API reads a request, keeps idempotency keys, and writes errors."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json


@dataclass(frozen=True, slots=True)
class Operation[Q]:
    """One thing that an API can do. `run` does it at once, atomically, and raises a Refusal for what cannot be done.

    `path` is a pattern of Starlette's, as in `/v1/payments/{id}`; Q is what the dialect makes of a request.
    """

    methods: tuple[str, ...]
    path: str
    run: Callable[[Q], Answer]


def answering[Q](run: Callable[[Q], Json], *methods: str, path: str) -> Operation[Q]:
    """An operation that answers 200 with an object to whatever it does not refuse."""
    return Operation(methods, path, lambda request: Answer(200, encode(run(request))))


class Dialect[Q](ABC):
    """One provider's conventions of HTTP. Only what every provider does in its own way must be given."""

    @abstractmethod
    def new_request_id(self) -> str:
        """The id of a request in the log, and in the response if the provider shows one."""

    @abstractmethod
    async def read(self, incoming: Request, cause: Cause) -> Q:
        """Read and authenticate; set the cause's `account`, `idempotency_key` and `fault` as they come to be known.

        Raises the Refusal of whatever is wrong with credentials, headers or encoding.
        """

    @abstractmethod
    def server_error(self) -> Refusal:
        """The 500 of faults; `remembered` if the provider stores it under a key."""

    @abstractmethod
    def rate_limited(self, retry_after_seconds: int) -> Refusal: ...

    def begin(self, request: Q) -> Answer | None:
        """The earlier response to the same request, if there was one; else the request is under way until `end`.

        Raises the Refusal of a key that is in use, or was used for something else. No idempotency: None.
        """
        del request

    def end(self, request: Q, answer: Answer | None) -> None:
        """The request that was begun has ended: keep its response under its key, or with None forget that it came."""
        del request, answer

    def spoil(self, fault: AppliedFault, answer: Answer) -> Answer:
        """Faults of the simulator's own that make this one response wrong; what is stored under the key stays right."""
        del fault
        return answer

    def finish(self, answer: Answer, cause: Cause) -> Answer:
        """The response as it goes out, refusals too: what names its request does so here."""
        del cause
        return answer

    def headers(self, incoming: Request, cause: Cause) -> dict[str, str]:
        """Of every response, refusals too."""
        del incoming, cause
        return {}
