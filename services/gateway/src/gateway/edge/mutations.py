"""A request that changes something: its Idempotency-Key, how long it may wait, and what is kept of it beside its command."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Header, Request

from gateway.edge.admission import Admission, ApiKeyOf, unwritten_of
from gateway.edge.audit import Unwritten
from gateway.edge.authentication import MerchantClient, Scope
from gateway.edge.cards import mentions_card_number
from gateway.edge.dependencies import Dependencies, dependencies_of
from gateway.edge.fields import IDEMPOTENCY_KEY
from gateway.edge.idempotency import Done, KeyedRequest, header_of
from gateway.edge.middleware import request_id
from gateway.edge.origin import Origin
from gateway.edge.problems import Problem
from malipo import clock
from malipo.platform.tracing import CLIENT_REF, carrier

MAX_WAIT_SECONDS = 10
_KEY = re.compile(IDEMPOTENCY_KEY)
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)
_IDEMPOTENCY_KEY = Header(
    alias="Idempotency-Key",
    description=(
        "1 to 255 printable ASCII characters, new for each request and the same for each repeat of it. "
        "Remembered for 7 days."
    ),
)
_KeyOf = Annotated[str | None, _IDEMPOTENCY_KEY]
_PREFER = Header(
    alias="Prefer",
    description="`wait=N`: wait up to N seconds (at most 10) for a first state; `respond-async`: do not wait.",
)


@dataclass(frozen=True)
class Mutation:
    """A request that changes something: by which client, with which key, and how long the response may take."""

    dependencies: Dependencies
    client: MerchantClient
    request: KeyedRequest
    request_id: str
    wait_seconds: float
    unwritten: Unwritten | None = None
    preference: str | None = None

    def headers(self, done: Done, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The answer's headers: whether it is a replay, and which preference was followed."""
        headers = dict(more or {})
        if done.replayed:
            headers["Idempotent-Replayed"] = "true"
        if self.preference is not None:
            headers["Preference-Applied"] = self.preference
        return headers

    def origin(self, client_ref: str | None, operation_id: str | None = None) -> Origin:
        """What is kept of this request beside its command. Takes the current trace: ask in the request's own task."""
        headers = carrier() | ({CLIENT_REF: client_ref} if client_ref is not None else {})
        headers |= header_of(self.request, operation_id)
        return Origin(clock.now(), self.request.route, self.request_id, self.client.key_id, headers, operation_id)


def mutation(scope: Scope, *, key_required: bool = False) -> Callable[..., Awaitable[Mutation]]:
    """The dependency of a route that changes something."""
    admission = Admission(scope)

    async def admit(request: Request, _api_key: ApiKeyOf = None, _key: _KeyOf = None) -> Mutation:
        return await _admitted(request, admission, key_required=key_required)

    return admit


def waiting_mutation(scope: Scope, *, recorded_with_change: bool = False) -> Callable[..., Awaitable[Mutation]]:
    """The dependency of a route that starts work elsewhere and waits for it; such a route needs an Idempotency-Key.

    If it is `recorded_with_change`, who makes the change writes the audit's record, too.
    """
    admission = Admission(scope, recorded_with_change=recorded_with_change)

    async def admit(
        request: Request, _api_key: ApiKeyOf = None, _prefer: Annotated[str, _PREFER] = "", _key: _KeyOf = None
    ) -> Mutation:
        mutation = await _admitted(request, admission, key_required=True)
        given = ", ".join(request.headers.getlist("prefer"))  # several of them are one list
        seconds, applied = preference(given, mutation.wait_seconds)
        return replace(mutation, wait_seconds=seconds, preference=applied)

    return admit


async def _admitted(request: Request, admission: Admission, *, key_required: bool) -> Mutation:
    client, dependencies = await admission(request), dependencies_of(request)
    key = _idempotency_key(request.headers.getlist("idempotency-key"), required=key_required)
    route = f"{request.method} {request.url.path}"
    keyed = KeyedRequest(client.merchant_id, client.mode, route, key, dependencies.key_ring)
    seconds, unwritten = dependencies.settings.wait_seconds, unwritten_of(request)
    return Mutation(dependencies, client, keyed, request_id(request), seconds, unwritten)


def _idempotency_key(given: Sequence[str], *, required: bool) -> str | None:
    if not given and required:
        raise Problem("idempotency_key_missing")
    if len(given) > 1 or not all(map(_KEY.fullmatch, given)):
        raise Problem("idempotency_key_invalid")
    if any(map(mentions_card_number, given)):
        raise Problem("raw_card_number", "The Idempotency-Key holds a card number: treat the number as exposed.")
    return given[0] if given else None


def preference(prefer: str, default_seconds: float) -> tuple[float, str | None]:
    """How long to wait, and what to answer as `Preference-Applied` (RFC 7240); what is not understood is ignored."""
    if _RESPOND_ASYNC.search(prefer):
        return 0, "respond-async"
    if wait := _WAIT.search(prefer):
        seconds = min(int(wait[1]), MAX_WAIT_SECONDS)
        return seconds, f"wait={seconds}"
    return default_seconds, None
