"""Which changes of a topic would break the consumers of its old messages, or old code that reads its new ones."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from malipo.contracts.topics import Topic

Schema = Mapping[str, Any]

_COMPARED_APART = frozenset(
    {"title", "description", "type", "enum", "default", "properties", "required", "items", "additionalProperties"}
)


def golden(topic: Topic) -> dict[str, Any]:
    """What the golden file of `topic` holds: all that its producers and consumers rely on."""
    schema = msgspec.json.encode(msgspec.json.schema(topic.messages))
    return {
        "topic": topic.name,
        "key": topic.key,
        "partitions": topic.partitions,
        "messages": msgspec.json.decode(schema),  # as it comes back from a file: lists, no tuples
    }


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Why the topic `new` may not replace the topic `old`, each reason with its place; empty when it may.

    What was written before stays readable and means the same: nothing is removed, narrowed or given another default.
    What is written from now on is readable by older code, which ignores fields that it does not know. The one thing
    older code cannot read is a new alternative (a message, a member of a tagged union, a value of an enum); it is
    allowed, and consumers must be deployed before the first producer of it.
    """
    fixed = [f"{what} changed: messages of one key would lose their order" for what in _changed(old, new)]
    return fixed + list(_compare(_inlined(old["messages"]), _inlined(new["messages"]), old["topic"]))


def _changed(old: Schema, new: Schema) -> list[str]:
    return [f"{old['topic']}: {what}" for what in ("key", "partitions") if old[what] != new[what]]


def _inlined(schema: Schema) -> Schema:
    """The schema with every `$ref` replaced by what it names; our messages hold no type that contains itself."""
    definitions: Schema = schema.get("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(item) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        fields = cast("dict[str, Any]", node)
        if "$ref" in fields:
            return inline(definitions[fields["$ref"].rpartition("/")[2]]) | _beside_ref(fields)
        return {key: inline(value) for key, value in fields.items() if key not in ("$defs", "discriminator")}

    return inline(schema)


def _beside_ref(fields: Schema) -> dict[str, Any]:
    return {"default": fields["default"]} if "default" in fields else {}


def _compare(old: Schema, new: Schema, place: str) -> Iterator[str]:
    before, after = _kinds(old), _kinds(new)
    gone = [kind for kind in before if kind not in after]
    came = [kind for kind in after if kind not in before]
    if gone:
        yield f"{place}: {', '.join(gone)} " + (f"became {', '.join(came)}" if came else "was removed")
    elif not all(_tag(after[kind]) for kind in came):
        yield f"{place}: {', '.join(came)} was added: older code cannot read it"
    for kind in (kind for kind in before if kind in after):
        inside = f"{place}/{kind}" if _tag(before[kind]) else place
        yield from _compare_kind(before[kind], after[kind], inside)


def _kinds(schema: Schema) -> dict[str, Schema]:
    """What a value may be, by name: a tagged struct's tag, else the JSON type, else `enum`."""
    return {_tag(member) or member.get("type", "enum"): member for member in _members(schema)}


def _members(schema: Schema) -> Iterator[Schema]:
    """The alternatives; a tagged union that may be left out, too, is one within another."""
    if "anyOf" not in schema:
        yield schema
    for member in cast("list[Schema]", schema.get("anyOf", [])):
        yield from _members(member)


def _tag(schema: Schema) -> str | None:
    """The tag of a tagged struct, which msgspec writes as its first property, required and with one value."""
    name = next(iter(schema.get("properties", ())), None)
    if name is None or name not in schema.get("required", ()):
        return None
    values: list[str] = schema["properties"][name].get("enum", [])
    return values[0] if len(values) == 1 else None


def _compare_kind(old: Schema, new: Schema, place: str) -> Iterator[str]:
    for value in old.get("enum", ()):
        if value not in new.get("enum", ()):
            yield f"{place}: value {value!r} was removed"
    yield from _compare_fields(old, new, place)
    for part in ("items", "additionalProperties"):
        yield from _compare_part(old.get(part), new.get(part), f"{place}/{part}")
    for limit in sorted((old.keys() | new.keys()) - _COMPARED_APART - {"anyOf"}):
        if old.get(limit) != new.get(limit):
            yield f"{place}: {limit} changed from {old.get(limit)} to {new.get(limit)}"


def _compare_fields(old: Schema, new: Schema, place: str) -> Iterator[str]:
    before: Mapping[str, Schema] = old.get("properties", {})
    after: Mapping[str, Schema] = new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        if name not in after:
            yield f"{place}.{name}: the field was removed"
            continue
        yield from _compare(before[name], after[name], f"{place}.{name}")
        if before[name].get("default") != after[name].get("default") and name not in needed_before | needed_after:
            yield f"{place}.{name}: the default changed: senders leave defaults out, so old messages change meaning"
        if name in needed_before - needed_after:
            yield f"{place}.{name}: the field is no longer required: older code cannot do without it"
    for name in after:
        if name in needed_after - needed_before:
            yield f"{place}.{name}: the field is required: old messages do not have it"


def _compare_part(old: Schema | bool | None, new: Schema | bool | None, place: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _compare(old, new, place)
    elif old != new:
        yield f"{place}: changed from {old} to {new}"
