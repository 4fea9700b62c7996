"""Why no broker lets us in, in words for people: aiokafka's clients say only that they could not begin."""

import asyncio
import ssl
from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest

from malipo.messaging.security import KafkaAccess, TokenUnavailable

_CONNECT_MS = 3000
_SECONDS = 10.0
_ALL_SILENT = "no broker answers"
_conn: Any = conn  # which has no types


async def trouble(kafka: KafkaAccess) -> str:
    """What goes wrong between us and the brokers, by connections of its own, without anything secret.

    The brokers that are named first may be well, and those that they name, where all work is done, out of reach.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            for host, port, _ in _conn.collect_hosts(kafka.bootstrap, randomize=False):
                if found := await _trouble_at(kafka, host, port):
                    return found
    except TimeoutError:
        pass
    return _ALL_SILENT


async def _trouble_at(kafka: KafkaAccess, host: str, port: int) -> str | None:
    """What is wrong there, or at a broker of which it knows; None when it, or all of them, just do not answer."""
    brokers: set[tuple[str, int]] = set()
    try:
        brokers = await _brokers(kafka, host, port)
        for broker in brokers - {(host, port)}:
            host, port = broker
            await _brokers(kafka, host, port)
    except (KafkaError, OSError, TimeoutError) as error:
        words = _in_words(error)
        if words is None and brokers:
            words = f"does not answer, of which {kafka.bootstrap} told"
        return words and f"{host}:{port} {words}"
    return None


async def _brokers(kafka: KafkaAccess, host: str, port: int) -> set[tuple[str, int]]:
    """All brokers of the cluster, as the one there names them."""
    connection: Any = await _conn.create_conn(host, port, request_timeout_ms=_CONNECT_MS, **kafka.security)
    try:
        answer = await connection.send(MetadataRequest([]))
        return {(broker_host, broker_port) for _, broker_host, broker_port, *_ in answer.brokers}
    finally:
        await connection.close()


def _in_words(error: BaseException | None) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"does not agree on TLS: {error.reason}"
        case SaslAuthenticationFailed():
            return f"refuses our credentials: {' '.join(map(str, error.args))}"
        case UnsupportedSaslMechanismError():
            return "does not know the mechanism of KAFKA_SASL_MECHANISM"
        case TokenUnavailable():
            return f"was not asked: {error.args[0]}"
        case ConnectionResetError() | asyncio.IncompleteReadError():
            return (
                "closes the connection at once: it is starting, or that listener wants another KAFKA_SECURITY_PROTOCOL"
            )
        case None:
            return None
        case _:
            return _in_words(error.__cause__)
