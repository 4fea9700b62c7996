"""deploy/helm/malipo/values.schema.json: what each value of the chart may be. What goes together is in the templates' refusals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

type Schema = Mapping[str, Any]

_KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength")
"""Of what pydantic says of a setting."""
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_TEXT: Schema = {"type": "string"}
_TRUTH: Schema = {"type": "boolean"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_ANY_MAP: Schema = {"type": "object"}
_ANY_LIST: Schema = {"type": "array", "items": {"type": "object"}}
_NAME: Schema = {"type": "string", "maxLength": 253, "pattern": r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"}
_NETWORKS: Schema = {"type": "string", "pattern": r"^([0-9a-fA-F.:]+(/[0-9]+)?(, *|$))*$"}
_QUANTITY: Schema = {"type": ["string", "number"], "pattern": r"^[0-9.]+(m|[EPTGMk]i?)?$"}
_FILE_NAME: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9._-]+$"}


def page(settings: Mapping[str, Mapping[str, FieldInfo]], kept: Mapping[str, FieldInfo]) -> Schema:
    """The schema, given what may be set of each service and how long data may be kept."""
    services = {name: {"$ref": f"#/$defs/{name}"} for name in settings}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart malipo",
        **_map(
            _release(list(settings), kept)
            | _pods(list(settings))
            | {"serviceDefaults": _map(_defaults(settings.values())), "services": _map(services)}
        ),
        "$defs": {name: _service(fields) for name, fields in settings.items()},
    }


def _release(names: Sequence[str], kept: Mapping[str, FieldInfo]) -> dict[str, Schema]:
    return {
        "global": _ANY_MAP,  # which Helm gives to every chart that is part of another
        "fullnameOverride": {"type": "string", "maxLength": 40, "pattern": r"^([a-z]([a-z0-9-]*[a-z0-9])?)?$"},
        "environment": {"enum": ["local", "test", "production"]},
        "allowPlaintext": _TRUTH,
        "image": _map(_image(names)),
        "kafka": _map(_kafka()),
        "database": _map({"ca": _authority()}),
        "redis": _map({"ca": _authority()}),
        "keyRing": _map({"existingSecret": _NAME, "key": _FILE_NAME, "value": _TEXT}),
        "topics": _map(_topics()),
        "migrations": _map({"enabled": _TRUTH, **_step()}),
        "retention": _map(_retention(kept)),
        "ports": _map({"http": _port(), "admin": _port()}),
        "drainSeconds": {"type": "number", "minimum": 0, "maximum": 120},
        "stopSeconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 300},
        "trustedProxies": _NETWORKS,
        "tracing": _map({"endpoint": _url(), "ratio": {"type": "number", "minimum": 0, "maximum": 1}}),
        "ingress": _map(_ingress()),
        "keda": _map({"existingSecret": _NAME, "pollingSeconds": _whole(1, 3600), "cooldownSeconds": _whole(0, 3600)}),
        "networkPolicy": _map(_network()),
        "monitoring": _map(_monitoring()),
    }


def _pods(names: Sequence[str]) -> dict[str, Schema]:
    """What of the pods is the same for all services, and for what runs beside them."""
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), _whole(1, 2**32 - 1))
    groups = {"type": "array", "items": _whole(1, 2**32 - 1)}
    return {
        "listen": {"enum": ["0.0.0.0", "::"]},  # noqa: S104 - a container's own network
        "podSecurityContext": _map({**ids, "supplementalGroups": groups, "seLinuxOptions": _TEXTS}),
        "jobs": _map({"podAnnotations": _TEXTS, "podLabels": _TEXTS, "egress": _ANY_LIST}),
        "shells": {"type": "array", "items": {"enum": [*names, "topics"]}, "uniqueItems": True},
    }


def _image(names: Sequence[str]) -> dict[str, Schema]:
    digest = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    return {
        "registry": {"type": "string", "pattern": r"^([^/\s].*[^/\s])?$"},
        "repository": {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9._/-]*[a-z0-9])?$"},
        "tag": {"type": "string", "pattern": r"^([\w][\w.-]{0,127})?$", "not": {"const": "latest"}},
        "digests": _map(dict.fromkeys(names, digest)),
        "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
        "pullSecrets": {"type": "array", "items": {**_NAME, "minLength": 1}},
    }


def _kafka() -> dict[str, Schema]:
    return {
        "bootstrap": {"type": "string", "pattern": r"^(\S+:[0-9]{1,5}(, *\S+:[0-9]{1,5})*)?$"},
        "securityProtocol": {"enum": ["PLAINTEXT", "SSL", "SASL_SSL"]},
        "saslMechanism": {"enum": list(_MECHANISMS)},
        "ca": _authority(),
        "oauth": _map({"tokenUrl": _url(), "scope": _TEXT, "extensions": _TEXT}),
    }


def _topics() -> dict[str, Schema]:
    consumers = {"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}}
    return {
        "enabled": _TRUTH,
        "replication": _whole(1, 15),
        "acls": _TRUTH,
        "principals": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^User:."}},
        "consumers": consumers,
        "saslMechanism": {"enum": ["", *_MECHANISMS]},
        "kafkaUsername": _TEXT,
        "existingSecret": _NAME,
        "secrets": _map({"kafka-password": _TEXT, "kafka-oauth-client-secret": _TEXT}),
        "kafkaCertificateSecret": _NAME,
        **_step(),
    }


def _retention(kept: Mapping[str, FieldInfo]) -> dict[str, Schema]:
    return {
        "enabled": _TRUTH,
        "schedule": {"type": "string", "pattern": r"^(@\w+|\S+( \S+){4})$"},
        "archiveClaim": _NAME,
        "settings": _map({setting: _setting(field) for setting, field in kept.items()}),
        "deadlineSeconds": _whole(60, 86_400),
    }


def _ingress() -> dict[str, Schema]:
    return {
        "enabled": _TRUTH,
        "className": _NAME,
        "host": {"type": "string", "pattern": r"^([a-z0-9-]+(\.[a-z0-9-]+)+)?$"},
        "tlsSecret": _NAME,
        "annotations": _TEXTS,
    }


def _network() -> dict[str, Schema]:
    ports = {"type": "array", "items": _port()}
    place = _map({"to": _ANY_LIST, "ports": ports})
    peers = ("dns", "ingressFrom", "metricsFrom")
    return {
        "enabled": _TRUTH,
        **dict.fromkeys(peers, _ANY_LIST),
        "dnsPorts": {**ports, "minItems": 1},
        "kafka": place,
        "database": place,
        "redis": place,
        "tracing": _map({"to": _ANY_LIST}),
    }


def _monitoring() -> dict[str, Schema]:
    shown = {"enabled": _TRUTH, "labels": _TEXTS}
    return {
        "serviceMonitor": _map({**shown, "intervalSeconds": _whole(1, 3600)}),
        "rules": _map(shown),
        "dashboards": _map(shown),
    }


def _defaults(settings: Iterable[Mapping[str, FieldInfo]]) -> dict[str, Schema]:
    """What all services have, and of settings those that each knows."""
    first, *others = settings
    shared = {name: field for name, field in first.items() if all(name in other for other in others)}
    return {**_of_any_service(), "settings": _more(shared), "files": {"type": "object", "maxProperties": 0}}


def _more(fields: Mapping[str, FieldInfo]) -> Schema:
    """Settings by their names, and those of OpenTelemetry's own."""
    known = {name: _setting(field) for name, field in fields.items()}
    return {
        "type": "object",
        "properties": known,
        "patternProperties": {"^OTEL_BSP_": _TEXT},
        "additionalProperties": False,
    }


def _service(fields: Mapping[str, FieldInfo]) -> Schema:
    """One service: what any may have, and its own settings and files."""
    paths = sorted(name for name in fields if name.endswith("_FILE"))
    more = _more({name: field for name, field in fields.items() if name not in paths})
    files = {"properties": dict.fromkeys(paths, _FILE), "patternProperties": {"^[a-z0-9.-]+$": _FILE}}
    return _map(
        {
            "enabled": _TRUTH,
            **_of_any_service(),
            "settings": more,
            "files": {"type": "object", **files, "additionalProperties": False},
        }
    )


def _of_any_service() -> dict[str, Schema]:
    secrets = _map(dict.fromkeys(("database-url", "redis-url", "kafka-password", "kafka-oauth-client-secret"), _TEXT))
    quantities = {"type": "object", "additionalProperties": _QUANTITY}
    return {
        "stopped": _TRUTH,
        "replicas": _whole(1, 100),
        "resources": _map({"requests": quantities, "limits": quantities}),
        "autoscaling": _map(_autoscaling()),
        "podDisruptionBudget": _map({"minAvailable": _whole(0, 100)}),
        "spread": {"enum": ["ScheduleAnyway", "DoNotSchedule"]},
        "nodeSelector": _TEXTS,
        "tolerations": _ANY_LIST,
        "affinity": _ANY_MAP,
        "priorityClassName": _NAME,
        "podAnnotations": _TEXTS,
        "podLabels": _TEXTS,
        "serviceAccountAnnotations": _TEXTS,
        "serviceAnnotations": _TEXTS,
        "existingSecret": _NAME,
        "secrets": secrets,
        "ownerSecret": _NAME,
        "ownerSecrets": _map({"database-url": _TEXT}),
        "kafkaUsername": _TEXT,
        "kafkaCertificateSecret": _NAME,
        "egress": _ANY_LIST,
    }


def _autoscaling() -> dict[str, Schema]:
    return {
        "kind": {"enum": ["none", "hpa", "keda"]},
        "min": _whole(1, 100),
        "max": _whole(1, 100),
        "cpuPercent": _whole(1, 100),
        "lag": _whole(1, 1_000_000),
        "due": _whole(1, 10_000),
    }


def _setting(field: FieldInfo) -> Schema:
    """What pydantic says of a setting, without the text; a map is written as JSON."""
    whole = TypeAdapter(field.annotation).json_schema()
    found = whole | {name: getattr(one, key) for one in field.metadata for key, name in _LIMITS if hasattr(one, key)}
    choices = [one for one in found.get("anyOf", []) if one.get("type") != "null"]
    one = choices[0] | {name: found[name] for name in found if name in _KEPT} if choices else found
    if one.get("type") not in ("string", "integer", "number", "boolean"):
        return {"type": ["object", "string"]}
    return {name: one[name] for name in _KEPT if name in one}


_LIMITS = (("ge", "minimum"), ("le", "maximum"), ("gt", "exclusiveMinimum"), ("lt", "exclusiveMaximum"))


def _map(properties: Mapping[str, Schema], *required: str) -> Schema:
    needs = {"required": list(required)} if required else {}
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **needs}


_FILE = _map({"secret": _NAME, "configMap": _NAME, "key": _FILE_NAME}, "key")


def _authority() -> Schema:
    return _map({"secret": _NAME, "configMap": _NAME, "key": _FILE_NAME})


def _step() -> dict[str, Schema]:
    return {"deadlineSeconds": _whole(10, 86_400), "backoffLimit": _whole(0, 10)}


def _url() -> Schema:
    return {"type": "string", "pattern": r"^(https?://[^/\s]+.*)?$"}


def _port() -> Schema:
    return _whole(1, 65_535)


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}
