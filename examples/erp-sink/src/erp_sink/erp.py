"""Posts documents to the ERP: once each by their numbers, however often that takes."""

import aiohttp
import httpx
from prometheus_client import Counter

from erp_sink import store
from erp_sink.store import Claimed
from malipo import clock
from malipo.messaging.database import Database
from malipo.platform.client import http_client
from malipo.platform.logs import log

_LATER = frozenset({401, 403, 408, 425, 429})
"""Refusals that say nothing of the document: of our credentials, and of the moment."""
_LONGEST_PAUSE_SECONDS = 60.0

POSTS = Counter(
    "erp_sink_posts", "Requests to the ERP, by result: `posted`, `refused` (alert on any), `again`.", ("result",)
)


class Erp:
    """An ERP that takes `PUT /documents/{number}`, and answers the same however often one comes.

    After a failure it is left alone for a second, after the next one for two, and so on up to a minute: a backlog of
    thousands costs a dead ERP, and this machine, a few requests a minute. What is due waits in its table meanwhile.
    """

    def __init__(self, database: Database, url: str, *, timeout_seconds: float) -> None:
        self._database = database
        self._http = http_client(timeout_seconds=timeout_seconds, base_url=url)
        self._pause_seconds = 0.0
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether it is left alone."""
        return clock.monotonic() < self._rests_until

    async def post(self, document: Claimed) -> None:
        """Post it, and record what became of it. Raises one of `AWAY`: then its lease ends, and it is posted again."""
        status, answer = await self._put(document)
        if 200 <= status < 300:
            result = "posted"
            self._pause_seconds = 0.0
            await store.end(self._database, document.id, result, answer)
        elif 400 <= status < 500 and status not in _LATER:
            result = "refused"
            log.error("document refused", document=document.id, payment_id=document.payment_id, status=status)
            await store.end(self._database, document.id, result, answer)
        else:
            result = "again"
            self._rest(answer)
            await store.again(self._database, document.id, answer)
        POSTS.labels(result).inc()

    async def _put(self, document: Claimed) -> tuple[int, str]:
        """Status and text of the answer; 0 for none, which may mean that the document is there or not."""
        try:
            answer = await self._http.put(f"/documents/{document.id}", json=document.body)
        except (httpx.HTTPError, aiohttp.ClientError) as error:  # the latter where it answers in no HTTP
            return 0, type(error).__name__
        return answer.status_code, answer.text[:500].replace("\0", "")

    def _rest(self, answer: str) -> None:
        if not self.rests:  # those in flight together have failed once
            self._pause_seconds = min(max(1.0, 2 * self._pause_seconds), _LONGEST_PAUSE_SECONDS)
            self._rests_until = clock.monotonic() + self._pause_seconds
            log.warning("the ERP takes nothing", answer=answer, retry_in_seconds=self._pause_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
