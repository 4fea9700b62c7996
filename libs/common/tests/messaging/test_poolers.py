"""What a pooler such as PgBouncer before PostgreSQL changes, and what not."""

import pytest
from pooler import pooler

from malipo.messaging.relay import session

_SHOWN = "SELECT name, setting FROM pg_settings WHERE source IN ('client', 'session') AND name <> 'client_encoding'"


@pytest.fixture
def url(new_database):
    return new_database("orchestrator")


async def test_a_session_through_a_pooler_that_passes_on_no_parameters_is_kept_as_one_with_postgresql_itself(url):
    async with pooler(url, shares=False) as before, session(url) as direct, session(before.url) as pooled:
        kept = await pooled.fetch(_SHOWN)
        assert kept == await direct.fetch(_SHOWN)
        assert dict(kept)["idle_session_timeout"] == "15000"
