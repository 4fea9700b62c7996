"""What aiokafka needs around it: starts that can be cancelled, connections that end or are refused, names that two use."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason, OAuthAuthenticator
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import BrokerNotAvailableError, KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.admin import DescribeGroupsRequest

from malipo.messaging.security import AccessTokens

_CUT_SHORT_SECONDS = 2.0
_MEMBERS = 5  # of a described group: error, name, state, protocol type, protocol, members


class Fenced(KafkaError):
    """Another process consumes under this one's name, and has taken its partitions. Kafka's error: FENCED_INSTANCE_ID."""


async def uncut[T](work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises; when cancelled meanwhile, it comes to its end first, for two seconds at most."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_CUT_SHORT_SECONDS)
        task.cancel()
        await asyncio.wait([task], timeout=_CUT_SHORT_SECONDS)
        raise


async def started(start: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Call a client's `start`, and let it come to its end: one that is cut short forgets its first connection without closing it."""
    await uncut(start())


_send: Any = AIOKafkaConnection.send  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped


def _send_or_close(self: Any, request: object, expect_response: bool = True) -> Awaitable[Any]:
    """Send `request`, or raise `KafkaConnectionError`.

    uvloop raises RuntimeError where asyncio raises OSError, when the broker has closed the connection. aiokafka knows only
    the latter (aiokafka #1038): the task that keeps its metadata then ends for good, and with the next broker that goes
    the consumer can neither commit nor find its group again, while everything looks well.
    """
    try:
        return _send(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
        message = f"Connection at {self.host}:{self.port} broken: {error}"
        raise KafkaConnectionError(message) from error


AIOKafkaConnection.send = cast("Any", _send_or_close)


_connect: Any = AIOKafkaConnection.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped


async def _connect_or_say_why(self: Any) -> object:
    """Connect, or raise `KafkaError`, `OSError` or `TimeoutError`, which is all that aiokafka's callers know.

    Its SASL raises whatever it stumbles upon where the other side is no broker that knows our password: that would end the
    task which keeps the metadata, for good. A token that was refused is not shown again.
    """
    try:
        return await _connect(self)
    except SaslAuthenticationFailed:
        if isinstance(self._sasl_oauth_token_provider, AccessTokens):
            self._sasl_oauth_token_provider.refused()
        raise
    except (KafkaError, OSError, TimeoutError):
        raise
    except Exception as error:
        message = f"{self.host}:{self.port} does not authenticate as a broker does: {error!r}"
        raise KafkaConnectionError(message) from error


AIOKafkaConnection.connect = cast("Any", _connect_or_say_why)

_oauth: Any = OAuthAuthenticator
_step: Any = _oauth.step


async def _step_until_refused(self: Any, payload: bytes | None) -> tuple[bytes, bool] | None:
    """Show the token, and hear the answer: what the broker says of a token that it refuses (RFC 7628, 3.2.3) has to be
    acknowledged. aiokafka takes it for a welcome, and is thrown out with its first request, without a reason.
    """
    if payload:
        return b"\x01", True
    return await _step(self, payload)


_oauth.step = _step_until_refused


_coordinator: Any = GroupCoordinator
_rejoin: Any = _coordinator._do_rejoin_group  # noqa: SLF001


async def _rejoin_unless_fenced(self: Any, subscription: object) -> bool:
    """Join the group again, or raise `Fenced` while another process is in it under our name.

    Of two static members with one name (KIP-345) the later is let in, and the earlier gets UNKNOWN_MEMBER_ID.
    aiokafka takes that for an expired session and joins anew, which throws the other one out: so for ever, and both
    look well. Who has been a member and is no longer asks first. It may join again once the other is gone.
    """
    ours: set[str] = self.__dict__.setdefault("_malipo_member_ids", set())
    if ours and not self.member_id and await _another_has_our_name(self, ours):
        name = _name_of(self)
        message = f"another process runs as INSTANCE {name!r}, too: give each replica a name of its own"
        raise Fenced(message)
    joined: bool = await _rejoin(self, subscription)
    if self.member_id:
        ours.add(self.member_id)
    return joined


async def _another_has_our_name(coordinator: Any, ours: set[str]) -> bool:
    request = DescribeGroupsRequest([coordinator.group_id])
    answer: Any = await coordinator._send_req(request)  # noqa: SLF001
    members = [member for group in answer.groups for member in group[_MEMBERS]]
    return any(client_id == _name_of(coordinator) and id_ not in ours for id_, client_id, *_ in members)


def _name_of(coordinator: Any) -> str:
    return coordinator._client._client_id  # noqa: SLF001


_coordinator._do_rejoin_group = _rejoin_unless_fenced  # noqa: SLF001


_commit: Any = _coordinator._do_commit_offsets  # noqa: SLF001


def _commit_to_its_end(self: Any, *arguments: object) -> asyncio.Task[None]:
    """Commit, in a task whose failure is nobody's surprise: aiokafka shields it from whoever gives up waiting for it."""
    task: asyncio.Task[None] = asyncio.create_task(_commit(self, *arguments))
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return task


_coordinator._do_commit_offsets = _commit_to_its_end  # noqa: SLF001


_admin: Any = AIOKafkaAdminClient
_to_controller: Any = _admin._send_to_controller  # noqa: SLF001


async def _send_to_a_controller_that_is_there(self: Any, request: object) -> object:
    """Send `request`, or raise `BrokerNotAvailableError` while the cluster has no controller, which aiokafka trips over."""
    try:
        return await _to_controller(self, request)
    except AttributeError as error:
        if self._client.cluster.controller is not None:
            raise
        message = "the cluster has no controller at this moment"
        raise BrokerNotAvailableError(message) from error


_admin._send_to_controller = _send_to_a_controller_that_is_there  # noqa: SLF001
