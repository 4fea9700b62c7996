"""Shows a book, however long: what every simulator's `GET /_sim/book` is made of."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from itertools import batched

from fastapi import Request
from fastapi.responses import StreamingResponse

from malipo_simulators.kit.book import Book, BookFilter, Effect, Payment
from malipo_simulators.kit.shapes import Json

# The loop gets its turn after so many lines of a long book.
LINES_AT_ONCE = 500
METADATA = re.compile(r"metadata\[([^\[\]]+)\]")


def metadata_asked_for(request: Request) -> dict[str, str]:
    """`metadata[key]=value` of the query, any number of them, all of which must hold."""
    given = [(METADATA.fullmatch(name), value) for name, value in request.query_params.items()]
    return {name[1]: value for name, value in given if name is not None}


def show_book[P: Payment, E: Effect](book: Book[P, E], wanted: BookFilter, totals: str) -> StreamingResponse:
    """`{"effects": [...], "<totals>": [...]}`: effects in order, then a line for each payment."""
    lines = write_book(book.effects(wanted), totals, book.totals(wanted))
    return StreamingResponse(lines, media_type="application/json")


async def write_book(effects: Iterator[Json], name: str, totals: Iterator[Json]) -> AsyncIterator[str]:
    yield '{"effects":['
    async for text in write_lines(effects):
        yield text
    yield f'],"{name}":['
    async for text in write_lines(totals):
        yield text
    yield "]}"


async def write_lines(lines: Iterator[Json]) -> AsyncIterator[str]:
    separator = ""
    for some in batched(lines, LINES_AT_ONCE):
        yield separator + ",".join(json.dumps(line) for line in some)
        separator = ","
        await asyncio.sleep(0)
