"""HTTP clients of accounts: one each where an account has its own certificate, a bounded number, closed when idle."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from malipo import clock
from provider_kit.errors import NotReady


@dataclass(slots=True)
class _Client:
    http: httpx.AsyncClient  # noqa: TID251 - made by `malipo.platform.client`
    users: int = 0
    idle_since: float = field(default_factory=clock.monotonic)


class AccountClients:
    """Clients by account, each made by its first user and shared by all that come while it is there.

    At most `most` at once: one that nobody uses makes room, and without any such nothing is sent. One that was idle for
    `idle_seconds` is closed when the next is asked for, so that a certificate that was replaced is soon forgotten.
    """

    def __init__(self, *, most: int = 200, idle_seconds: float = 60) -> None:
        self._most = most
        self._idle_seconds = idle_seconds
        self._clients = OrderedDict[str, _Client]()  # the longest unused first

    @asynccontextmanager
    async def of(
        self,
        account: str,
        make: Callable[[], httpx.AsyncClient],  # noqa: TID251 - made by `malipo.platform.client`
    ) -> AsyncGenerator[httpx.AsyncClient]:  # noqa: TID251 - made by `malipo.platform.client`
        """The client of an account, for the block. `account` changes with whatever `make` makes it of.

        Raises `NotReady` when as many other accounts are being called as there may be clients. What `make` raises passes
        through: it has to raise `Misconfigured` without a good certificate, for a server that misses one only hangs up
        (TLS 1.3), which does not prove that nothing was sent.
        """
        await self._close_idle(but=account)
        client = self._clients.get(account) or self._clients.setdefault(account, _Client(make()))
        client.users += 1
        try:
            yield client.http
        finally:
            client.users -= 1
            client.idle_since = clock.monotonic()
            if account in self._clients:  # unless all were closed meanwhile
                self._clients.move_to_end(account)

    async def aclose(self) -> None:
        """Close all."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.http.aclose()

    async def _close_idle(self, *, but: str) -> None:
        """Close what is idle for long, and one more if there is no room for another client."""
        now = clock.monotonic()
        unused = [name for name, client in self._clients.items() if not client.users and name != but]
        old = [name for name in unused if now - self._clients[name].idle_since > self._idle_seconds]
        full = but not in self._clients and len(self._clients) - len(old) >= self._most
        if full and len(unused) == len(old):
            raise NotReady("too many accounts are called at once", retry_after_seconds=1)
        gone = [self._clients.pop(name) for name in (*old, *([n for n in unused if n not in old][:1] if full else ()))]
        for client in gone:
            await client.http.aclose()
