"""Stripe's conventions of HTTP, as the kit needs them: keys, headers, the 500 and the 429, wrong responses."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import override

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.api.dialect import Dialect
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import StripeError, rate_limited, server_error
from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.http.reading import read_request
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.state.world import StripeWorld


class StripeDialect(Dialect[StripeRequest]):
    def __init__(self, world: StripeWorld) -> None:
        self._world = world

    @override
    def new_request_id(self) -> str:
        return self._world.mint("req", 14)

    @override
    async def read(self, incoming: Request, cause: Cause) -> StripeRequest:
        return await read_request(self._world, incoming, cause)

    @override
    def server_error(self) -> StripeError:
        return server_error()

    @override
    def rate_limited(self, retry_after_seconds: int) -> StripeError:
        return rate_limited(retry_after_seconds)

    @override
    def begin(self, request: StripeRequest) -> Answer | None:
        cause = request.change.cause
        if cause.idempotency_key is None:
            return None
        return request.account.keys.begin(
            cause.idempotency_key, request.fingerprint, request.change.now, cause.request_id
        )

    @override
    def end(self, request: StripeRequest, answer: Answer | None) -> None:
        key = request.change.cause.idempotency_key
        if key is not None:
            request.account.keys.end(key, answer)

    @override
    def spoil(self, fault: AppliedFault, answer: Answer) -> Answer:
        match fault.fault:
            case StripeFault.AMOUNT_MISMATCH:
                return with_other_amount(answer)
            case StripeFault.UNKNOWN_STATUS:
                return with_unknown_status(answer)
            case _:
                return answer

    @override
    def headers(self, incoming: Request, cause: Cause) -> dict[str, str]:
        """`Original-Request` is the request's own id unless this is a replay, which names the first one instead."""
        headers = {
            "Request-Id": cause.request_id,
            "Stripe-Version": incoming.headers.get("stripe-version"),
            "Idempotency-Key": cause.idempotency_key,
            "Original-Request": cause.request_id if cause.idempotency_key else None,
        }
        return {name: value for name, value in headers.items() if value}


def with_other_amount(answer: Answer) -> Answer:
    """One minor unit more than requested, wherever the object names its amount."""
    return rewritten(answer, "amount", lambda value: value + 1 if isinstance(value, int) else value)


def with_unknown_status(answer: Answer) -> Answer:
    return rewritten(answer, "status", lambda _: "under_divination")


def rewritten(answer: Answer, name: str, rewrite: Callable[[object], object]) -> Answer:
    body: Json = json.loads(answer.body)
    if name in body:
        body[name] = rewrite(body[name])
    return replace(answer, body=encode(body))
