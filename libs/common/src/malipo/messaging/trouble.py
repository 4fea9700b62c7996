"""Why no broker lets us in, in words for people: aiokafka's clients say only that they could not begin."""

import asyncio
import ssl
from enum import Enum
from typing import Any, NamedTuple

from aiokafka import conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest

from malipo.messaging.security import KafkaAccess, TokenUnavailable

_CONNECT_MS = 3000
_SECONDS = 10.0
_CLOSES = "closes the connection at once: it is starting, or that listener wants another KAFKA_SECURITY_PROTOCOL"
_conn: Any = conn  # which has no types


class Kind(Enum):
    """What the brokers do."""

    SILENT = "silent"
    """None answers, or not the one that is needed: Kafka is away, or out of reach."""
    CLOSES = "closes"
    """One takes the connection and ends it: it is starting, or is spoken to in the wrong way."""
    REFUSES = "refuses"
    """One answers, and does not let us in, or we do not believe it: somebody has to mend that."""


class Trouble(NamedTuple):
    """What goes wrong between us and the brokers, in words for people, without anything secret."""

    words: str
    kind: Kind = Kind.SILENT


async def trouble(kafka: KafkaAccess) -> Trouble:
    """What goes wrong, by connections of its own.

    The brokers that are named first may be well, and those that they name, where all work is done, out of reach.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            for host, port, _ in _conn.collect_hosts(kafka.bootstrap, randomize=False):
                if found := await _trouble_at(kafka, host, port):
                    return found
    except TimeoutError:
        pass
    return Trouble(f"no broker answers at {kafka.bootstrap}")


async def _trouble_at(kafka: KafkaAccess, host: str, port: int) -> Trouble | None:
    """What is wrong there, or at a broker of which it knows; None when it, or all of them, just do not answer."""
    brokers: set[tuple[str, int]] = set()
    try:
        brokers = await _brokers(kafka, host, port)
        for broker in brokers - {(host, port)}:
            host, port = broker
            await _brokers(kafka, host, port)
    except (KafkaError, OSError, TimeoutError) as error:
        found = _explained(error)
        if found is None and brokers:
            found = Trouble(f"does not answer, of which {kafka.bootstrap} told")
        return found and found._replace(words=f"{host}:{port} {found.words}")
    return None


async def _brokers(kafka: KafkaAccess, host: str, port: int) -> set[tuple[str, int]]:
    """All brokers of the cluster, as the one there names them."""
    connection: Any = await _conn.create_conn(host, port, request_timeout_ms=_CONNECT_MS, **kafka.security)
    try:
        answer = await connection.send(MetadataRequest([]))
        return {(broker_host, broker_port) for _, broker_host, broker_port, *_ in answer.brokers}
    finally:
        await connection.close()


def _explained(error: BaseException | None) -> Trouble | None:
    match error:
        case ssl.SSLCertVerificationError():
            return Trouble(f"shows a certificate that is not accepted: {error.verify_message}", Kind.REFUSES)
        case ssl.SSLError():
            return Trouble(f"does not agree on TLS: {error.reason}", Kind.REFUSES)
        case SaslAuthenticationFailed():
            return Trouble(f"refuses our credentials: {' '.join(map(str, error.args))}", Kind.REFUSES)
        case UnsupportedSaslMechanismError():
            return Trouble("does not know the mechanism of KAFKA_SASL_MECHANISM", Kind.REFUSES)
        case TokenUnavailable():
            return Trouble(f"was not asked: {error.args[0]}", Kind.REFUSES)
        case ConnectionResetError() | asyncio.IncompleteReadError():
            return Trouble(_CLOSES, Kind.CLOSES)
        case None:
            return None
        case _:
            return _explained(error.__cause__)
