"""Control routes that show what happened: the book, the request log, health."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import batched
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from malipo_simulators.stripe.auth import read_key
from malipo_simulators.stripe.book import BookFilter
from malipo_simulators.stripe.forms import parse_form
from malipo_simulators.stripe.ids import account_id
from malipo_simulators.stripe.request_log import LogFilter
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.world import World

# The loop gets its turn after so many lines of a long book.
LINES_AT_ONCE = 500


def book_filter(
    request: Request,
    authorization: Annotated[str | None, Header(description="A test key: only its account's lines.")] = None,
    account: Annotated[str | None, Query(description="acct_ id: only its lines.")] = None,
    payment_intent: Annotated[str | None, Query()] = None,
    after_seq: Annotated[int, Query(ge=0, description="Only effects after this one.")] = 0,
) -> BookFilter:
    """Also takes `metadata[key]=value`, any number of them, all of which must hold."""
    given = parse_form(request.url.query).get("metadata")
    pairs = {key: value for key, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}
    key = read_key(authorization)
    return BookFilter(pairs, account_id(key) if key else account, payment_intent, after_seq)


def log_filter(method: str | None = None, path: str | None = None, idempotency_key: str | None = None) -> LogFilter:
    return LogFilter(method, path, idempotency_key)


def book_routes(world: World) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/book", summary="What really happened to money")
    async def book(wanted: Annotated[BookFilter, Depends(book_filter)]) -> StreamingResponse:
        """`{"effects": [...], "payment_intents": [...]}`: effects in order, then totals for each PaymentIntent.

        Filter with `metadata[malipo_payment_id]=...`, `account=`, `payment_intent=`, `after_seq=`.
        """
        effects, totals = world.book.effects(wanted), world.book.totals(wanted)
        return StreamingResponse(write_book(effects, totals), media_type="application/json")

    @router.get("/requests", summary="The API requests received, newest last")
    async def requests(
        wanted: Annotated[LogFilter, Depends(log_filter)], limit: Annotated[int, Query(ge=1, le=20_000)] = 1_000
    ) -> list[Json]:
        return world.requests.latest(limit, wanted)

    @router.get("/health", summary="Alive, with counters")
    async def health() -> Json:
        couriers = [endpoint.courier for endpoint in world.endpoints()]
        return {
            "status": "ok",
            "seed": world.settings.seed,
            "now": world.clock.now(),
            "accounts": len(world.accounts),
            "requests": world.requests.count,
            "effects": world.book.count,
            "webhooks": {"endpoints": len(couriers), "pending": sum(one.pending for one in couriers)},
        }

    return router


async def write_book(effects: Iterator[Json], totals: Iterator[Json]) -> AsyncIterator[str]:
    yield '{"effects":['
    async for text in write_lines(effects):
        yield text
    yield '],"payment_intents":['
    async for text in write_lines(totals):
        yield text
    yield "]}"


async def write_lines(lines: Iterator[Json]) -> AsyncIterator[str]:
    separator = ""
    for some in batched(lines, LINES_AT_ONCE):
        yield separator + ",".join(json.dumps(line) for line in some)
        separator = ","
        await asyncio.sleep(0)
