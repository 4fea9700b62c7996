"""Logs: one JSON object a line on standard output, with what belongs to the payment, without what is secret."""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import cache, partial
from types import TracebackType
from typing import Any, BinaryIO

import msgspec
import structlog
from opentelemetry import trace

from malipo.platform.tracing import CLIENT_REF, trace_id_of
from redaction.text import clean, cleaned, rule

log: structlog.stdlib.BoundLogger = structlog.get_logger()
"""The logger of every service. A line about a payment names it: see `facts` and `bind_payment`."""


def setup(service: str, level: str) -> None:
    """Write our own lines and the standard library's records alike: as JSON, on standard output.

    Ours are written as they are: by way of the standard library's logging each would cost twice as much.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_service(service),
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, _redact_ours, _line],
        logger_factory=partial(_Output, sys.stdout.buffer),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, redact],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _text],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_the_end
    quiet_libraries()


def facts(payment_id: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The fields of each line about a payment: `payment_id`, and `client_ref` and `trace_id` as its messages carry them."""
    known = {"payment_id": payment_id, "client_ref": headers.get(CLIENT_REF), "trace_id": trace_id_of(headers)}
    return {name: value for name, value in known.items() if value}


def bind_payment(payment_id: str, headers: Mapping[str, str]) -> None:
    """From here on the lines of this task are about a payment."""
    structlog.contextvars.bind_contextvars(**facts(payment_id, headers))


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values whose name or shape says that they are secrets, card numbers or phone numbers."""
    return {key: clean(key, value) for key, value in event.items()}


def _redact_ours(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same for a line of our own code: its names are few, and what it calls the event and the route is written there."""
    return {key: _literal(value) if key in _LITERALS else _rule(key)(value) for key, value in event.items()}


_LITERALS = frozenset({"event", "route"})
_MOST_LITERALS = 1000
_harmless: set[str] = set()
_rule = cache(rule)


def _literal(text: str) -> str:
    """The text without secrets, which is looked for once only in one that holds none."""
    if text in _harmless:
        return text
    shown = cleaned(text)
    if shown == text and len(_harmless) < _MOST_LITERALS:
        _harmless.add(text)
    return shown


class _Output:
    """Where lines go, one at a time. That it takes none, as on a full disk, must not fail what they tell of."""

    def __init__(self, file: BinaryIO, *_: object) -> None:
        self._file = file

    def _write(self, line: bytes) -> None:
        with suppress(OSError, ValueError):  # the latter of one that is closed
            self._file.write(line)
            self._file.flush()

    debug = info = warning = error = critical = _write


def _line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    try:
        return _encode(event) + b"\n"
    except (ValueError, TypeError):  # as of half a character, which has no UTF-8
        return json.dumps(event, default=repr).encode() + b"\n"


def _text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _line(_logger, _method, event)[:-1].decode()


_encode = msgspec.json.Encoder(enc_hook=repr).encode


def _add_service(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        # A line that names its own is about one payment of a batch, whose trace is another.
        event.setdefault("trace_id", trace.format_trace_id(span.trace_id))
    return event


def _log_the_end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("process failed", exc_info=(kind, error, traceback))


def quiet_libraries() -> None:
    """Keep from the log, or a command's answer, what libraries say again and again of what we tell ourselves."""
    # aiokafka writes some five error lines per 100 ms while a broker is away; our own code logs it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for name in ("uvicorn.access", "faststream", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
