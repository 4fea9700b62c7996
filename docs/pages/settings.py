"""docs/settings.md: every setting of every service."""

import importlib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import AwareDatetime, FilePath, SecretStr
from pydantic.fields import FieldInfo

from malipo.messaging import provision
from malipo.platform.database_settings import DatabaseSettings
from malipo.platform.environment import EnvironmentSettings
from malipo.platform.kafka_settings import KafkaSettings
from malipo.platform.retention_settings import RetentionSettings
from malipo.platform.settings import HttpSettings, ServiceSettings
from malipo_local.services import SERVICES, Kind
from pages.markdown import document, table

_INTRO = """\
A setting is an environment variable; a secret text may be in a file instead, which its name with `_FILE` names: `KEY_RING_FILE`
([operations/stores.md](operations/stores.md#secrets-in-files)). There are no other sources. Locally `make up ARGS="--set gateway.WAIT_SECONDS=5"`
sets one, and with Docker a line of the service's `environment` in docker-compose.yml. An empty one counts as unset. A wrong or missing
one stops the process with exit code 78 and is named, never with its value. `python -m <package> settings` lists the same."""

_CALLED = """\
The gateway, and the services of providers, which are called back; the orchestrator and the dispatcher have no public port."""
_KAFKA = """\
Every service has these, and so have the commands of `malipo.messaging`: `provision`, `redrive`, `rewind` and `step_over`. What they are for
different kinds of clusters is in [operations/kafka.md](operations/kafka.md)."""
_RETENTION = """\
`python -m <package> retention`, which makes and ends the months of a service's tables ([operations/retention.md](operations/retention.md)),
needs no other but `DATABASE_URL`, with the role that owns the tables. Every service has the first."""
_PROVISIONING = """\
`python -m malipo.messaging.provision`, which makes topics and ACLs, has these beside those of [Kafka](#kafka)."""

_HEADER = ("variable", "type", "default", "what it is")
_NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    FilePath: "file",
    AwareDatetime: "moment",
}
_SIGNS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def page() -> str:
    """The page's text."""
    services = [row.module for row in SERVICES if row.kind is Kind.SERVICE]
    every, shared = ServiceSettings.model_fields, EnvironmentSettings.model_fields
    kafka = {name: field for name, field in KafkaSettings.model_fields.items() if name not in shared}
    return document(
        "Settings",
        "each service's settings.py",
        _INTRO,
        "## Every service",
        _table({name: field for name, field in every.items() if name not in kafka}),
        "## Services that are called",
        _CALLED,
        _table({name: field for name, field in HttpSettings.model_fields.items() if name not in every}),
        "## Kafka",
        _KAFKA,
        _table(kafka),
        *map(_section, services),
        "## Retention",
        _RETENTION,
        _table(_kept(services)),
        "## The topics step",
        _PROVISIONING,
        _table({name: field for name, field in provision.Settings.model_fields.items() if name not in kafka | shared}),
    )


def _kept(services: Sequence[str]) -> Mapping[str, FieldInfo]:
    """How long each kind of data is kept, of all services."""
    modules = [importlib.import_module(f"{package}.settings") for package in services]
    fields = dict(RetentionSettings.model_fields)
    for module in modules:
        fields |= getattr(module, "Retention", RetentionSettings).model_fields
    return {name: field for name, field in fields.items() if name not in DatabaseSettings.model_fields}


def _section(package: str) -> str:
    """A service's own settings: those that it adds, or whose meaning it changes."""
    fields: dict[str, FieldInfo] = importlib.import_module(f"{package}.settings").Settings.model_fields
    shared = HttpSettings.model_fields
    own = {name: field for name, field in fields.items() if name not in shared or repr(field) != repr(shared[name])}
    return f"## {package.replace('_', '-')}\n\n" + (_table(own) if own else "None of its own.")


def _table(fields: Mapping[str, FieldInfo]) -> str:
    return table(
        _HEADER,
        [
            (f"`{name.upper()}`", _type(field), _default(field), field.description or "")
            for name, field in fields.items()
        ],
    )


def _type(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(bound, name)}" for bound in field.metadata for name, sign in _SIGNS if hasattr(bound, name)
    ]
    return ", ".join([_type_name(field.annotation), *limits])


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (types.UnionType, Union):
        return " or ".join(_type_name(member) for member in get_args(annotation) if member is not types.NoneType)
    if isinstance(annotation, TypeAliasType):
        return _type_name(annotation.__value__)
    if get_origin(annotation) is dict:
        return "JSON"
    if annotation is SecretStr:
        return "secret text"
    if annotation not in _NAMES and get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    return _NAMES[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default in (None, "", {}):
        return "unset"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
