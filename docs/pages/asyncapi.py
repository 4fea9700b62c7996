"""docs/asyncapi.json: the topics as an AsyncAPI 3.0 document, for tools."""

from typing import Any, cast

import msgspec

from malipo.contracts.topics import TOPICS, Topic
from pages.markdown import as_json, prose

_HEADERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message-id": {"type": "string", "description": "Unique; a consumer drops a repeat."},
        "client-ref": {"type": "string", "description": "The merchant's reference of the payment."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "tracestate": {"type": "string", "description": "W3C trace context."},
    },
    "required": ["message-id"],
}


def page() -> str:
    """The document as JSON."""
    types = {message.__name__: message for topic in TOPICS for message in topic.message_types}
    _, schemas = msgspec.json.schema_components(types.values(), ref_template="#/components/schemas/{name}")
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Malipo",
            "version": "1",
            "description": "What Malipo's services send each other over Kafka.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {
            "messages": {name: _message(name, message) for name, message in types.items()},
            "schemas": {"Headers": _HEADERS, **_tidy(schemas)},
        },
    }
    return as_json(document)


def _channel(topic: Topic) -> dict[str, Any]:
    names = [message.__name__ for message in topic.message_types]
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    return {
        f"{_who(producer)}-sends-{topic.name}": {"action": "send", "channel": channel} for producer in topic.producers
    } | {
        f"{_who(consumer)}-receives-{topic.name}": {"action": "receive", "channel": channel}
        for consumer in topic.consumers
    }


def _who(service: str) -> str:
    return service.replace("provider-*", "every-provider")


def _message(name: str, message: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": name,
        "description": prose(message),
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _tidy(node: Any) -> Any:
    """Descriptions without indentation, and no `discriminator`: AsyncAPI's is a name alone, msgspec's an object."""
    if isinstance(node, list):
        return [_tidy(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    kept = {key: _tidy(value) for key, value in cast("dict[str, Any]", node).items() if key != "discriminator"}
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    return kept
