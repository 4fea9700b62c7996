"""Connections to partner banks: an HTTP client each, and one for each client certificate."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx

from malipo.platform.client import Connector, http_client
from provider_bank.certificates import ClientCertificate
from provider_bank.partners import Partner
from provider_kit.clients import AccountClients
from provider_kit.exchanges import Recording

_CONNECTIONS = 200

type Make = Callable[[Partner, ClientCertificate | None], httpx.AsyncClient]  # noqa: TID251 - made by `client_of`
"""Makes a partner's client, which presents the certificate. Raises `Misconfigured`."""


class Connections:
    """The clients of all partners. One that nobody has used for a minute is closed, and made anew when it is needed: so a
    certificate that was replaced is forgotten, and a file of authorities that was replaced is read.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._clients = AccountClients()

    @asynccontextmanager
    async def to(
        self, name: str, partner: Partner, certificate: ClientCertificate | None = None
    ) -> AsyncGenerator[httpx.AsyncClient]:  # noqa: TID251 - made by `client_of`
        """A client for the partner of this name, for the block. Raises `NotReady` or `Misconfigured`."""
        which = f"{name} {certificate.name if certificate else ''}"
        async with self._clients.of(which, partial(self._make, partner, certificate)) as http:
            yield http

    async def aclose(self) -> None:
        """Close all."""
        await self._clients.aclose()


def client_of(partner: Partner, certificate: ClientCertificate | None, *, connect_seconds: float) -> httpx.AsyncClient:  # noqa: TID251 - made here
    """A client that believes the partner's authorities, and presents the certificate. Raises `Misconfigured`."""
    context = ssl.create_default_context(cafile=partner.certificate_authorities)
    if certificate is not None:
        certificate.add_to(context)
    return http_client(
        timeout_seconds=partner.timeout_seconds,
        connect_seconds=min(connect_seconds, partner.timeout_seconds),
        connector=partial(Connector, ssl=context, limit=_CONNECTIONS),
        around=partial(Recording, request_id_header="X-Request-Id"),
    )
