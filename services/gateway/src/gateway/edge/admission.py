"""Lets requests in: checks the client, writes the audit log, limits the rate, and refuses unknown parameters."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from gateway.edge.audit import AuditRecord, Unwritten
from gateway.edge.authentication import Authentication, MerchantClient, Scope
from gateway.edge.dependencies import Dependencies, dependencies_of
from gateway.edge.middleware import about, before_answer, request_id, response_headers
from gateway.edge.problems import Problem
from gateway.edge.rate_limit import UNRECORDED
from gateway.edge.validation import require_text, shown
from http_limits.remote import network_of
from malipo import clock

_SINGLE_HEADERS = ("x-api-key", "content-type", "content-encoding")
_SCHEME = APIKeyHeader(
    name="X-API-Key",
    scheme_name="ApiKey",
    description="`mk_test_...` works on test data alone, `mk_live_...` on live data alone.",
    auto_error=False,
)


ApiKeyOf = Annotated[str | None, Security(_SCHEME)]
"""A parameter of this type is for the API's description: `Admission` reads the key itself."""


class Admission:
    """Lets a request in: authenticates the key, records that, takes a token of the rate limit, refuses unknown parameters.

    Returns the client. Raises `Problem`; a request that cannot be recorded is not let in. If that is `recorded_with_change`, who
    makes the change writes the record with it (`unwritten_of`).
    """

    def __init__(
        self, scope: Scope, query: type[BaseModel] | None = None, *, recorded_with_change: bool = False
    ) -> None:
        self._scope: Scope = scope
        self._parameters = tuple(query.model_fields if query else ())
        self._recorded_with_change = recorded_with_change

    async def __call__(self, request: Request, _api_key: ApiKeyOf = None) -> MerchantClient:
        dependencies = dependencies_of(request)
        authentication = await self._authenticate(request, dependencies)
        if authentication.client is None:
            _limit_anonymous(request, dependencies)
        record = _audit_record(request, authentication)
        if self._recorded_with_change and authentication.client is not None:
            _leave_unwritten(request, dependencies, record)
        else:
            await dependencies.audit.record(record)
        if authentication.client is None:
            assert authentication.code is not None
            raise Problem(authentication.code, _advice(authentication.code, self._scope))
        await _limit(request, dependencies, authentication.client)
        self._check_parameters(request)
        return authentication.client

    async def _authenticate(self, request: Request, dependencies: Dependencies) -> Authentication:
        # A proxy might use the one of two values, and we the other.
        if any(len(request.headers.getlist(name)) > 1 for name in _SINGLE_HEADERS):
            return Authentication(None, "header_repeated")
        return await dependencies.authenticator.authenticate(request.headers.get("x-api-key", "").strip(), self._scope)

    def _check_parameters(self, request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        if unknown := set(names).difference(self._parameters):
            raise Problem("parameter_unknown", self._no_parameter(min(unknown)))
        if len(names) != len(set(names)):
            raise Problem("parameter_repeated")
        require_text(request.scope["query_string"])

    def _no_parameter(self, name: str) -> str:
        there_are = f"there are: {', '.join(self._parameters)}" if self._parameters else "this route takes none"
        return f"There is no parameter {shown(name)!r} here; {there_are}."


def unwritten_of(request: Request) -> Unwritten | None:
    """The request's record, if it is to be written with the change that the request makes."""
    return request.scope["state"].get("unwritten")


def _leave_unwritten(request: Request, dependencies: Dependencies, record: AuditRecord) -> None:
    unwritten = request.scope["state"]["unwritten"] = Unwritten(record)

    async def write() -> None:
        if not unwritten.written:
            await dependencies.audit.record(record)

    before_answer(request, write)


def _limit_anonymous(request: Request, dependencies: Dependencies) -> None:
    """Anonymous clients may not fill the audit log: beyond their limit they are counted, not recorded."""
    decision = dependencies.anonymous_limiter.consume(network_of(_remote(request)))
    if not decision.allowed:
        UNRECORDED.inc()
        raise Problem("rate_limited", after_seconds=decision.retry_after_seconds)


async def _limit(request: Request, dependencies: Dependencies, client: MerchantClient) -> None:
    decision = await dependencies.limiter.consume(f"{client.merchant_id}:{client.mode}")
    response_headers(request).update(decision.headers())
    about(merchant_id=client.merchant_id, mode=client.mode)
    if not decision.allowed:
        raise Problem("rate_limited", after_seconds=decision.retry_after_seconds)


def _audit_record(request: Request, authentication: Authentication) -> AuditRecord:
    return AuditRecord(
        at=clock.now(),
        request_id=request_id(request),
        merchant_id=authentication.key and authentication.key.merchant_id,
        key_id=authentication.key and authentication.key.id,
        reason=authentication.code or "allowed",
        method=request.method,
        route=request.scope["route"].path,
        remote=_remote(request),
    )


def _remote(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _advice(code: str, scope: Scope) -> str | None:
    return f"This route needs the scope {scope}." if code == "scope_missing" else None
