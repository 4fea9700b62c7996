"""Logs: one JSON object a line on standard output, with what belongs to the payment, without what is secret."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from opentelemetry import trace

_SECRET_NAMES = re.compile(r"secret|token|password|authorization|api_key|ciphertext|cookie", re.IGNORECASE)
_SECRET_VALUES = re.compile(
    r"\b(?:sk|rk|mk|pk)_(?:test|live)_\w+|whsec_[\w+/=]+|Bearer\s+[\w.~+/=-]+|\b\d(?:[ -]?\d){12,18}\b"
)
_HIDDEN = "[redacted]"

log: structlog.stdlib.BoundLogger = structlog.get_logger()
"""The logger of every service. Bind `payment_id` and `client_ref` where they are known."""


def setup(service: str, level: str) -> None:
    """Send structlog's and the standard library's records alike through one JSON formatter."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_service(service),
        _add_trace,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    _quiet_libraries()


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values whose name or shape says that they are secrets, card numbers or phone numbers."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if _SECRET_NAMES.search(key):
        return _HIDDEN
    if isinstance(value, str):
        return _SECRET_VALUES.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return {name: _clean(str(name), inner) for name, inner in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_clean(key, inner) for inner in cast("list[Any]", value)]
    return value


def _add_service(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
    return event


def _quiet_libraries() -> None:
    # aiokafka writes some five error lines per 100 ms while a broker is away; our own code says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for name in ("uvicorn.access", "faststream", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
