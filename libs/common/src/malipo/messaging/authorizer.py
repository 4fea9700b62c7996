"""Brings a cluster's ACLs to what the rules say, and tells what it finds beyond them.

aiokafka has the messages of KIP-4 and KIP-290 for that, and no calls.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, override

from aiokafka.errors import SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import Request

from malipo.contracts.permissions import Pattern, Resource, Rule
from malipo.messaging.acls import AclSettings

_ANY = 1
_ALLOW = 3
_ANYWHERE = "*"
_EVERYTHING = "*"
_LOOKS, _LOOK_SECONDS = 150, 0.2


class Power(IntEnum):
    """What changes or reveals something, by Kafka's numbers: who may do that to a topic of ours is told."""

    ALL = 2
    READ = 3
    WRITE = 4
    DELETE = 6
    ALTER = 7
    ALTER_CONFIGS = 11  # e.g. for how long a topic keeps what nobody has read yet


class Entry(NamedTuple):
    """An ACL as Kafka keeps it."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int

    def __str__(self) -> str:
        """E.g. `User:gateway may WRITE topic payments.commands.v1`."""
        pattern = " and all that begins so" if self.pattern == Pattern.PREFIXED else ""
        resource = Resource(self.resource).name.lower()
        return f"{self.principal} may {Power(self.operation).name} {resource} {self.name}{pattern}"


@dataclass(frozen=True)
class Applied:
    """How many rules were added, and what else is allowed: `removed` it was, or is left for a person."""

    created: int
    removed: Sequence[Entry]
    beyond: Sequence[Entry]


class NoAuthorizer(Exception):
    """The cluster asks nobody who they are: everybody may do everything, and it keeps no ACLs."""


async def apply(admin: Any, settings: AclSettings, *, remove: bool) -> Applied:
    """Add what is missing, all at once. With `remove` take from our own principals what the rules do not give them.

    What others may do, or by a wider pattern, is only told: it may be somebody's consumer. Raises `KafkaError` or
    `NoAuthorizer`.
    """
    wanted = [_entry(rule, settings) for rule in settings.rules()]
    found = await _describe(admin)
    missing = [entry for entry in dict.fromkeys(wanted) if entry not in found]
    await _create(admin, missing)
    await _until_known(admin, set(missing))
    ours = {entry.principal for entry in wanted}
    beyond = [entry for entry in sorted(found - set(wanted)) if _concerns(entry, wanted)]
    stale = [entry for entry in beyond if remove and entry.principal in ours and entry.name != _EVERYTHING]
    await _delete(admin, stale)
    return Applied(len(missing), stale, [entry for entry in beyond if entry not in stale])


def _entry(rule: Rule, settings: AclSettings) -> Entry:
    principal = settings.principal(rule.who)
    return Entry(rule.resource, rule.name, rule.pattern, principal, _ANYWHERE, rule.operation, _ALLOW)


def _concerns(entry: Entry, wanted: Iterable[Entry]) -> bool:
    """Whether it allows something of weight with a topic or group of ours."""
    if entry.permission != _ALLOW or entry.operation not in list(Power):
        return False
    if entry.name == _EVERYTHING and entry.resource in list(Resource):
        return True
    return any(_overlap(entry, one) for one in wanted if one.resource == entry.resource)


def _overlap(one: Entry, other: Entry) -> bool:
    """Whether there is a name that both are about."""
    begins = one.pattern == Pattern.PREFIXED and other.name.startswith(one.name)
    begun = other.pattern == Pattern.PREFIXED and one.name.startswith(other.name)
    return one.name == other.name or begins or begun


async def _until_known(admin: Any, entries: set[Entry]) -> None:
    """Return once every broker knows them, or after a while: a service that comes before would be refused.

    Each broker has them as soon as it has applied the controller's log, behind the topics that were just made.
    """
    for broker in admin._client.cluster.brokers():  # noqa: SLF001 - see above
        for _ in range(_LOOKS):
            if entries <= await _describe(admin, broker.nodeId):
                break
            await asyncio.sleep(_LOOK_SECONDS)


async def _describe(admin: Any, broker: int | None = None) -> set[Entry]:
    """Every ACL of the cluster, as this broker or any knows it."""
    answer = await admin._send_request(_DescribeAll(), broker)  # noqa: SLF001 - see above
    _check(answer.error_code, answer.error_message)
    return {Entry(kind, name, pattern, *acl) for kind, name, pattern, acls in answer.resources for acl in acls}


async def _create(admin: Any, entries: Sequence[Entry]) -> None:
    if entries:
        for code, message in (await _send(admin, _Create(entries))).creation_responses:
            _check(code, message)


async def _delete(admin: Any, entries: Sequence[Entry]) -> None:
    if entries:
        for code, message, _ in (await _send(admin, _Delete(entries))).filter_responses:
            _check(code, message)


async def _send(admin: Any, request: object) -> Any:
    return await admin._send_to_controller(request)  # noqa: SLF001 - see above


def _check(code: int, message: str | None) -> None:
    error = for_code(code)
    if error is SecurityDisabled:
        raise NoAuthorizer(message)
    if code != 0:
        raise error(message)


class _DescribeAll(Request[DescribeAclsRequest_v1]):
    API_KEY = 29

    @override
    def build(self, request_struct_class: type[DescribeAclsRequest_v1]) -> DescribeAclsRequest_v1:
        return request_struct_class(_ANY, None, _ANY, None, None, _ANY, _ANY)


class _Create(Request[CreateAclsRequest_v1]):
    """Of many at once; aiokafka's own is of one."""

    API_KEY = 30

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    @override
    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._entries)


class _Delete(Request[DeleteAclsRequest_v1]):
    API_KEY = 31

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    @override
    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(self._entries)
