"""Speaks to a secured broker as its administrator, in as few bytes as its protocol allows: is it ready, and whom does it know.

The layouts are those of https://kafka.apache.org/protocol.html: SaslHandshake v1, SaslAuthenticate v0, Metadata v1 and
AlterUserScramCredentials v0, the only one with compact types.
"""

import asyncio
import contextlib
import hashlib
import secrets
import ssl
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from malipo_local.ports import HOST

_PATIENCE_SECONDS = 5.0
_HANDSHAKE, _AUTHENTICATE, _METADATA, _ALTER_SCRAM = 17, 36, 3, 51
_MECHANISMS = {"SCRAM-SHA-256": (1, "sha256"), "SCRAM-SHA-512": (2, "sha512")}
_ITERATIONS = 4096  # the least that Kafka takes
_LONGEST_ANSWER = 1 << 20


class Refused(Exception):
    """The broker answers, and not as it should."""


class Administrator:
    """A connection of the user whom the broker knows from its own configuration."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def authenticate(self, user: str, password: str) -> None:
        """By SASL PLAIN. Raises `Refused`."""
        answer = await self._ask(_HANDSHAKE, 1, _text("PLAIN"))
        token = f"\0{user}\0{password}".encode()
        if _error_of(answer) or _error_of(await self._ask(_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)):
            raise Refused("authentication")

    async def has_joined(self) -> bool:
        """Whether the broker has joined its cluster: its metadata names at least one broker."""
        (brokers,) = struct.unpack_from(">i", await self._ask(_METADATA, 1, struct.pack(">i", 0)))
        return brokers > 0

    async def know(self, passwords: Mapping[str, str], mechanism: str = "SCRAM-SHA-512") -> None:
        """Have the broker know these users, whatever their passwords were. Raises `Refused`."""
        users = b"".join(_scram_user(user, password, *_MECHANISMS[mechanism]) for user, password in passwords.items())
        body = _count(0) + _count(len(passwords)) + users + b"\0"
        answer = await self._ask(_ALTER_SCRAM, 0, body, flexible=True)
        if not _all_well(answer, len(passwords)):
            raise Refused("users")

    async def _ask(self, api: int, version: int, body: bytes, *, flexible: bool = False) -> bytes:
        """The answer without its header."""
        request = struct.pack(">hhih", api, version, 1, -1) + (b"\0" if flexible else b"") + body
        self._writer.write(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", await self._reader.readexactly(4))
        if not 4 <= length <= _LONGEST_ANSWER:
            raise Refused("length")
        return (await self._reader.readexactly(length))[5 if flexible else 4 :]


@asynccontextmanager
async def administrator(port: int, authority: Path, user: str, password: str) -> AsyncGenerator[Administrator]:
    """A connection while the block lasts, which takes some seconds at most. Raises `OSError`, `TimeoutError` or `Refused`."""
    context = ssl.create_default_context(cafile=authority)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        try:
            connection = Administrator(reader, writer)
            await connection.authenticate(user, password)
            yield connection
        except EOFError as closed:
            raise Refused("closed") from closed
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _scram_user(user: str, password: str, mechanism: int, digest: str) -> bytes:
    """An upsertion; what the broker keeps of the password is made here (RFC 5802, 3)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, _ITERATIONS)
    return (
        _compact(user.encode()) + struct.pack(">bi", mechanism, _ITERATIONS) + _compact(salt) + _compact(salted) + b"\0"
    )


def _all_well(answer: bytes, users: int) -> bool:
    """Whether each of the results has the error code 0; behind the time of throttling they stand as the users were given."""
    at, results = 5, answer[4] - 1
    codes: list[int] = []
    for _ in range(results):
        at += answer[at]  # the length of a compact text counts itself
        codes.append(struct.unpack_from(">h", answer, at)[0])
        at += 2 + max(answer[at + 2], 1) + 1
    return codes == [0] * users


def _error_of(answer: bytes) -> int:
    return struct.unpack_from(">h", answer)[0]


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _compact(value: bytes) -> bytes:
    return _count(len(value)) + value


def _count(number: int) -> bytes:
    """A length as compact types write it: one more than it is, here always in one byte."""
    assert number < 127, "more would take another byte"
    return bytes([number + 1])
