"""How a session with PostgreSQL begins: it has to be ours alone, and is told how it is to be kept by a statement."""

from collections.abc import Mapping
from typing import Any

import msgspec

from malipo.platform import poolers

COMMAND_SECONDS = 10
"""A statement that takes longer is as good as lost: every one of ours takes milliseconds."""

_KEPT = {
    # A machine that loses its power says no goodbye: without these its locks would be held for two hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "15s",
    # What is asked often has an index, and is planned once for a session: on a table that was empty that day, PostgreSQL would
    # plan to read all of it, and do so as it grows, until it is analyzed.
    "enable_seqscan": "off",
    # By itself it would plan nearly each of ours anew, with every argument's value, and come to the same plan: that takes
    # longer than to run it.
    "plan_cache_mode": "force_generic_plan",
}


class Sessions:
    """Begins each session of one pool, or of one connection: with what all are kept by, and `more` parameters of PostgreSQL's.

    They are set by a statement: poolers do not pass on what a connection's first message sets. Through one it is made sure
    first, once, that a session is ours alone, without a statement that is prepared: what another has prepared might be run.
    """

    def __init__(self, database_url: str, more: Mapping[str, str] | None = None) -> None:
        parameters = _KEPT | dict(more or {})
        set_all = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in parameters.items())
        self._url = database_url
        self._set = f"SELECT {set_all}"
        self._pooled = False

    async def begin(self, connection: Any) -> None:
        """Set the parameters, and have jsonb columns be Python objects.

        Raises `SharedSession`, and what PostgreSQL or the network raises.
        """
        if self._pooled or await self._through_pooler(connection):
            await connection.execute(self._set)
        await connection.set_type_codec("jsonb", encoder=_json, decoder=msgspec.json.decode, schema="pg_catalog")

    async def _through_pooler(self, connection: Any) -> bool:
        """Set the parameters if nothing is between."""
        if not await poolers.directly(connection, self._set):
            await poolers.refuse_shared(self._url, connection)
            self._pooled = True
        return self._pooled


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
