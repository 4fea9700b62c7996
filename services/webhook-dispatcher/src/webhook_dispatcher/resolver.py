"""Looks names up and refuses those with any address that is not public: only what it returns is connected to."""

import asyncio
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from http_limits.addresses import AddressRefused, check_address

type AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
type LookUp = Callable[..., Sequence[AddressInfo]]


class CheckedResolver(AbstractResolver):
    """Checks addresses at every look-up, so that a name whose addresses change between two attempts gains nothing.

    `allow_hosts` are names that may lead anywhere. Has threads of its own: names whose servers never answer would soon
    hold the few of the event loop.
    """

    def __init__(
        self,
        *,
        threads: int,
        allow_loopback: bool,
        allow_hosts: Collection[str] = (),
        look_up: LookUp = socket.getaddrinfo,
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="look-up")
        self._allow_loopback = allow_loopback
        self._allow_hosts = allow_hosts
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises `AddressRefused`, or another `OSError` when the name has none."""
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(self._pool, self._infos, host, port, family)
        return [self._checked(host, info) for info in infos]

    async def close(self) -> None:
        """Release the threads; a look-up under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _infos(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[AddressInfo]:
        try:
            return self._look_up(host, port, type=socket.SOCK_STREAM, family=family)
        except UnicodeError:  # a label that is empty or too long
            msg = "the name cannot be looked up"
            raise AddressRefused(msg) from None

    def _checked(self, host: str, info: AddressInfo) -> ResolveResult:
        family, _, proto, _, (address, port, *rest) = info
        scoped = family == socket.AF_INET6 and len(rest) > 1 and rest[1] != 0
        if host not in self._allow_hosts:
            check_address(f"{address}%{rest[1]}" if scoped else address, allow_loopback=self._allow_loopback)
        return ResolveResult(
            hostname=host, host=address, port=port, family=family, proto=proto, flags=socket.AI_NUMERICHOST
        )
