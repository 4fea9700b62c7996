"""How a session with PostgreSQL begins: it is told how it is to be kept, by a statement, which a pooler passes on."""

from collections.abc import Mapping
from typing import Any

import msgspec

_KEPT = {
    # A machine that loses its power says no goodbye: without these its locks would be held for two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "15s",
    # What is asked often has an index, and is planned once for a session: on a table that was empty that day, PostgreSQL would
    # plan to read all of it, and do so as it grows, until it is analyzed.
    "enable_seqscan": "off",
}


class Sessions:
    """Begins each session of one pool, or of one connection: with what all are kept by, and `more` parameters of PostgreSQL's.

    They are set by a statement: poolers do not pass on what a connection's first message sets.
    """

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        parameters = _KEPT | dict(more or {})
        set_all = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in parameters.items())
        self._set = f"SELECT {set_all}"

    async def begin(self, connection: Any) -> None:
        """Set the parameters, and have jsonb columns be Python objects. Raises what PostgreSQL or the network raises."""
        await connection.execute(self._set)
        await connection.set_type_codec("jsonb", encoder=_json, decoder=msgspec.json.decode, schema="pg_catalog")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
