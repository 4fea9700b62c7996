"""Wires the gateway: its parts, its routes and what it consumes."""

from functools import cache

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import tables
from gateway.accounts.credential_routes import router as credentials
from gateway.accounts.endpoint_routes import router as endpoints
from gateway.accounts.provider_routes import router as providers
from gateway.accounts.settings_routes import router as settings_of_merchants
from gateway.edge import audit, idempotency
from gateway.edge.audit import Audit
from gateway.edge.authentication import Authenticator
from gateway.edge.dependencies import Dependencies
from gateway.edge.middleware import RequestMiddleware, problem_response
from gateway.edge.problems import Problem
from gateway.edge.rate_limit import Limit, LocalBuckets, RateLimiter
from gateway.edge.redis_presence import RedisPresence
from gateway.edge.validation import of_parameters
from gateway.edge.waiting import Waiting
from gateway.events.routes import router as events
from gateway.history.recording import record_requests
from gateway.history.routes import router as history
from gateway.history.setup_routes import router as history_of_setups
from gateway.movements.routes import router as movements
from gateway.openapi.description import describe
from gateway.openapi.routes import router as docs
from gateway.operations.detach_routes import router as detach
from gateway.operations.routes import router as operations
from gateway.payment_methods.routes import router as payment_methods
from gateway.payments.acceptance import Acceptance
from gateway.payments.erasure_routes import router as erasure
from gateway.payments.routes import creating as created_payments
from gateway.payments.routes import router as payments
from gateway.scheduler import schedule
from gateway.series.routes import router as series
from gateway.settings import Settings
from gateway.setups.routes import router as setups
from gateway.subscriptions import subscriptions
from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.secrets import KeyRing

_API = (
    *(created_payments, payments, history, operations, payment_methods, setups, history_of_setups, detach),
    *(series, erasure, movements),
    *(providers, credentials, endpoints, settings_of_merchants),
    events,
)
# The framework's own spans would let clients choose the trace, and keep query strings; `RequestMiddleware` makes ours.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
_REDIS_SECONDS = 0.1  # what one request may lose to a Redis that hangs
_REDIS_CONNECTIONS = 32


def build(settings: Settings) -> Application:
    """The gateway. It is ready without Kafka: what it accepts then waits in the outbox."""
    runtime = Runtime("gateway", settings)
    redis = _redis(settings)
    # A loss is told and mended by who listens: what redis-py mended in silence would leave out what was published meanwhile.
    subscriber = Redis.from_url(settings.redis_url.get_secret_value(), retry=Retry(NoBackoff(), 0))  # pyright: ignore[reportUnknownMemberType] - untyped options
    dependencies = _dependencies(settings, runtime, redis, subscriber)
    runtime.health.warn("redis", lambda: dependencies.redis_presence.problem)
    runtime.subscribe(*subscriptions(dependencies.waiting), called=True)
    runtime.loop("notify other replicas", dependencies.waiting.send)
    runtime.loop("receive from other replicas", dependencies.waiting.listen)
    runtime.loop("find Redis again", dependencies.limiter.recover)
    schedule(runtime, settings)
    runtime.purge_after(idempotency.PURGE, settings.idempotency_days)
    runtime.purge_after(audit.PURGE, settings.audit_days)
    runtime.watch_months(tables.metadata)
    runtime.on_stop(redis.aclose)
    runtime.on_stop(subscriber.aclose)
    return runtime.application(_api(runtime, dependencies))


def _dependencies(settings: Settings, runtime: Runtime, redis: Redis, subscriber: Redis) -> Dependencies:
    limit = Limit(settings.rate_limit_per_second, settings.rate_limit_burst)
    presence = RedisPresence()
    return Dependencies(
        settings=settings,
        database=runtime.database,
        key_ring=KeyRing.parse(settings.key_ring.get_secret_value()),
        authenticator=Authenticator(runtime.database),
        audit=Audit(runtime.database),
        limiter=RateLimiter(redis, limit, presence),
        anonymous_limiter=LocalBuckets(Limit(settings.anonymous_limit_per_second, settings.anonymous_limit_burst)),
        waiting=Waiting(redis, subscriber, settings.max_waiting, presence),
        redis_presence=presence,
    )


def _redis(settings: Settings) -> Redis:
    pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped options
        settings.redis_url.get_secret_value(),
        max_connections=_REDIS_CONNECTIONS,
        timeout=_REDIS_SECONDS,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def _api(runtime: Runtime, dependencies: Dependencies) -> FastAPI:
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.dependencies = dependencies
    app.state.recorder = record_requests
    app.state.acceptance = Acceptance(runtime.database, dependencies.key_ring, record_requests)
    app.state.openapi = cache(lambda: msgspec.json.encode(describe(_API)))
    for router in (*_API, docs):
        app.include_router(router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _bad_parameters)
    app.add_middleware(RequestMiddleware)
    return app


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem_response(request, problem)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return problem_response(request, Problem("method_not_allowed", headers={"Allow": _allowed(request)}))
    return problem_response(request, Problem("route_unknown"))


def _allowed(request: Request) -> str:
    # The framework names the methods of the first route with this path only.
    app: FastAPI = request.app
    routes = [route for router in (*_API, docs, app.router) for route in router.routes]
    found = [route for route in routes if isinstance(route, Route) and route.path_regex.match(request.url.path)]
    methods = {method for route in found for method in route.methods or ()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


async def _bad_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, of_parameters(error.errors()))
