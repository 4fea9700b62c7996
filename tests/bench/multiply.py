"""Makes millions of payments out of some real ones: COPYs the rows of every table again and again under other ids.

It knows no table. An id of a payment, or of what belongs to one, begins with its time: each copy moves these times and
every date into the past, so that ids stay unique and in the order of their age. What a provider calls a movement of the
account's balance has no time in it, and is numbered. A row without such an id, as those of merchants and keys, is not copied.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from malipo_local.connection import connected

KINDS = ("can", "cap", "del", "evt", "idk", "msg", "pay", "ref")
"""The ids that belong to a payment, idempotency keys as the generator makes them included."""

_MOVEMENT = b"txn_"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SLOT = re.compile(
    rb"(\b(?:%s)_[0-9a-z]{7}(?=[0-9a-z]{19}\b)|\b%s[0-9A-Za-z]+\b|\b\d{4}-\d\d-\d\d(?=[ T]\d\d:))"
    % ("|".join(KINDS).encode(), _MOVEMENT)
)
_UNIT_MS = 2**15  # what the eighth character of an id and those after it count within
_DAYS = 30
_MINUTES_UNITS = 16  # about nine minutes: longer than making the first payments takes

# Of a table that is kept by month the whole: its copies find their months by themselves.
_COLUMNS = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) AS columns FROM information_schema.columns
WHERE table_schema = 'public' AND is_identity = 'NO' AND table_name IN
    (SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition)
GROUP BY table_name ORDER BY table_name
"""


class Rows:
    """Rows of one table as COPY writes them, ready to be written again at other times."""

    def __init__(self, text: bytes) -> None:
        lines = [line for line in text.splitlines(keepends=True) if _has_id(line)]
        self._pieces = _SLOT.split(b"".join(lines))
        self._slots = self._pieces[1::2]
        self._moments = set(self._slots)

    def __bool__(self) -> bool:
        return bool(self._slots)

    def copy(self, number: int) -> bytes:
        """The rows again; `number` counts from 1, and of the first 4,900 no two copies have an id in common."""
        days, more = number % _DAYS + 1, number // _DAYS
        units = round(days * 86_400_000 / _UNIT_MS) + more * _MINUTES_UNITS
        moved = {moment: _moved(moment, number, days, units) for moment in self._moments}
        self._pieces[1::2] = [moved[slot] for slot in self._slots]
        return b"".join(self._pieces)


async def multiply(database_url: str, copies: int) -> None:
    """Write all rows of payments in a database `copies` times more."""
    async with connected(database_url) as connection:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        for table in await connection.fetch(_COLUMNS):
            await _multiply_table(connection, table["table_name"], table["columns"], copies)


async def _multiply_table(connection: Any, table: str, columns: Sequence[str], copies: int) -> None:
    seed = BytesIO()
    await connection.copy_from_query(f"SELECT {', '.join(columns)} FROM {table}", output=seed)
    rows = Rows(seed.getvalue())
    if not rows:
        return

    async def source() -> AsyncIterator[bytes]:
        for number in range(1, copies + 1):
            yield rows.copy(number)
            await asyncio.sleep(0)

    await connection.copy_to_table(table, columns=columns, source=source())


def _has_id(line: bytes) -> bool:
    return any(b"_" in slot for slot in _SLOT.findall(line))


def _moved(moment: bytes, copy: int, days: int, units: int) -> bytes:
    if moment.startswith(_MOVEMENT):
        return b"%sc%d" % (moment, copy)
    if b"_" not in moment:
        return (date.fromisoformat(moment.decode()) - timedelta(days=days)).isoformat().encode()
    prefix, _, time = moment.decode().partition("_")
    number = 0
    for character in time:
        number = number * 32 + _ALPHABET.index(character)
    number -= units
    earlier = "".join(_ALPHABET[number >> shift & 31] for shift in range(30, -1, -5))
    return f"{prefix}_{earlier}".encode()
