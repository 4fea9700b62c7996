"""Failpoints: lets a test kill this process exactly before or after it talks to a store, a provider or a client.

Or, at a poll of Kafka, lets the batch vanish that it has fetched: the poll raises, and the process lives on.

They sit at the seams of libraries, so that no line of ours has to name them, and are patched in only when the setting
FAILPOINTS names a folder, which production refuses. In that folder:

    plan.json           what the test wants now: `{"run": id, "record": bool, "kill": crossing | null}`
    <service>.crossings one line for each crossing while recording: `seam moment place`

A crossing is `{"service", "seam", "moment", "place", "nth"}`: the nth time since the plan was made that this process
came by. A process that is to die there deletes the plan first, so that its successor, or its twin, lives.
"""

import asyncio
import inspect
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from asyncpg.transaction import Transaction
from httpx_aiohttp import AiohttpTransport
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_PLAN = "plan.json"
_NEVER = (
    __name__,
    "malipo.messaging.database",
    "malipo.messaging.unit_of_work",
    "malipo.messaging.pool",
    "asyncpg",
    "asyncio",
    "contextlib",
    "tenacity",
)
_ID = re.compile(r"(?<=/)[a-z]{2,5}_\w{8,}|(?<=/)[0-9A-Z]{17}(?![^/])|(?<=/hooks/)[\w-]+|(?<=/)[0-9a-f]{32,}")
_POLL = "kafka poll"
_QUIET = ("GET", "HEAD")  # they change nothing, and a test that only reads must not become part of the recording

type _Method = Callable[..., Awaitable[Any]]
type _Around = Callable[..., Awaitable[Any]]


class BatchVanished(Exception):
    """What a poll raises that had drained its batch, as aiokafka does at a record that it cannot read."""


@dataclass
class _Failpoints:
    folder: Path
    service: str
    run: str | None = None
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    read_at: tuple[int, int] | None = None
    plan: dict[str, Any] = field(default_factory=dict[str, Any])

    def cross(self, seam: str, moment: str, place: str) -> None:
        """Record the crossing, if the plan says so, and die here if it names it; at a poll raise `BatchVanished` instead."""
        plan = self._read()
        if not plan:
            return
        self.seen[seam, moment, place] += 1
        if plan["record"]:
            self._record(f"{seam}\t{moment}\t{place}\n")
        here = {"service": self.service, "seam": seam, "moment": moment, "place": place}
        if plan["kill"] == here | {"nth": self.seen[seam, moment, place]}:
            self._strike(seam)

    def _read(self) -> dict[str, Any]:
        try:
            found = (self.folder / _PLAN).stat()
        except FileNotFoundError:
            self.read_at, self.plan = None, {}
            return self.plan
        if self.read_at != (version := (found.st_ino, found.st_mtime_ns)):
            self.read_at, self.plan = version, json.loads((self.folder / _PLAN).read_bytes())
            if self.plan["run"] != self.run:
                self.run = self.plan["run"]
                self.seen.clear()
        return self.plan

    def _record(self, line: str) -> None:
        file = os.open(self.folder / f"{self.service}.crossings", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(file, line.encode())
        os.close(file)

    def _strike(self, seam: str) -> None:
        try:
            (self.folder / _PLAN).unlink()
        except FileNotFoundError:
            return  # a twin was first
        if seam == _POLL:
            raise BatchVanished
        os.kill(os.getpid(), signal.SIGKILL)


def install(folder: Path, service: str) -> None:
    """Patch the seams of this process's libraries, for as long as it lives."""
    points = _Failpoints(folder, service)
    _wrap(asyncpg.Connection, "_execute", points, _execute)
    _wrap(Transaction, "__aexit__", points, _leave)
    _wrap(AIOKafkaProducer, "send", points, _produce)
    _wrap(AIOKafkaConsumer, "commit", points, _commit_offset)
    _wrap(AIOKafkaConsumer, "getmany", points, _poll)
    _wrap(AiohttpTransport, "handle_async_request", points, _request)
    _wrap(aiohttp.ClientResponse, "start", points, _read_answer)
    _wrap(RequestResponseCycle, "send", points, _answer)
    if redis := sys.modules.get("redis.asyncio"):  # the gateway's alone
        _wrap(redis.Redis, "execute_command", points, _call_redis)


def _wrap(owner: Any, method: str, points: _Failpoints, around: _Around) -> None:
    original = getattr(owner, method)

    async def wrapped(self: Any, *args: Any, **options: Any) -> Any:
        return await around(points, partial(original, self), self, *args, **options)

    setattr(owner, method, wrapped)


_CHANGED = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


async def _execute(
    _points: _Failpoints, go_on: _Method, connection: Any, query: str, *args: Any, **options: Any
) -> Any:
    if connection.is_in_transaction() or query.lstrip()[:6].upper() == "SELECT":
        return await go_on(query, *args, **options)
    # The statement is a transaction of its own. Opened for all to see, it can be cut before its commit.
    async with connection.transaction():
        return await go_on(query, *args, **options)


async def _leave(points: _Failpoints, go_on: _Method, transaction: Any, error: Any, *rest: Any) -> Any:
    """A commit counts when its transaction changed something: claims that find nothing come by all the time."""
    connection = transaction._connection  # noqa: SLF001
    if error is not None or not await connection.fetchval(_CHANGED):
        return await go_on(error, *rest)
    return await _on_both_sides(points, "postgresql commit", _place(), partial(go_on, error, *rest))


async def _produce(points: _Failpoints, go_on: _Method, _producer: Any, topic: str, *args: Any, **options: Any) -> Any:
    def acknowledged(future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            points.cross("kafka produce", "after", topic)

    points.cross("kafka produce", "before", topic)
    future = await go_on(topic, *args, **options)
    future.add_done_callback(acknowledged)
    return future


async def _commit_offset(points: _Failpoints, go_on: _Method, consumer: Any, *args: Any, **options: Any) -> Any:
    group: str = consumer._group_id  # noqa: SLF001
    return await _on_both_sides(points, "offset commit", group, partial(go_on, *args, **options))


async def _poll(points: _Failpoints, go_on: _Method, consumer: Any, *partitions: Any, **options: Any) -> Any:
    batches = await go_on(*partitions, **options)
    if batches:
        points.cross(_POLL, "after", consumer._group_id)  # noqa: SLF001
    return batches


async def _request(points: _Failpoints, go_on: _Method, _transport: Any, request: Any) -> Any:
    place = _tidy(request.method, request.url.path)
    points.cross("http request", "before sending", place)
    response = await go_on(request)
    points.cross("http request", "after the answer", place)
    return response


async def _read_answer(points: _Failpoints, go_on: _Method, response: Any, connection: Any) -> Any:
    if writer := response._writer:  # noqa: SLF001
        await asyncio.wait([writer])
    points.cross("http request", "after sending", _tidy(response.method, response.url.path))
    return await go_on(connection)


async def _answer(points: _Failpoints, go_on: _Method, cycle: Any, message: Any) -> None:
    if cycle.scope["method"] in _QUIET:
        return await go_on(message)
    place = _tidy(cycle.scope["method"], cycle.scope["path"])
    if not cycle.response_started:
        points.cross("answer", "before", place)
    await go_on(message)
    if cycle.response_complete:
        points.cross("answer", "after", place)
    return None


async def _call_redis(
    points: _Failpoints, go_on: _Method, _redis: Any, command: str, *args: Any, **options: Any
) -> Any:
    return await _on_both_sides(points, "redis call", command, partial(go_on, command, *args, **options))


async def _on_both_sides(points: _Failpoints, seam: str, place: str, go_on: _Method) -> Any:
    points.cross(seam, "before", place)
    result = await go_on()
    points.cross(seam, "after", place)
    return result


def _tidy(method: str, path: str) -> str:
    return f"{method} {_ID.sub('{id}', path)}"


def _place() -> str:
    """The innermost function of ours that stands behind this, and the consumer group if it works for one."""
    frame = inspect.currentframe()
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if not module.startswith(_NEVER):
            consumer = getattr(frame.f_locals.get("self"), "consumer", None)
            name = f"{module.rpartition('.')[2]}.{frame.f_code.co_qualname}"
            return f"{name} ({consumer})" if consumer else name
        frame = frame.f_back
    return "elsewhere"
