"""What payments are made with is taken by the gateway, and by turns by every merchant."""

import asyncio
import json

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.load import Load, Shot, Target, firing
from bench.methods import BODIES
from malipo.contracts.providers import METHODS
from testkit.serving import serving


@pytest.mark.parametrize("method", BODIES)
def test_the_bodies_of_a_method_differ_and_name_a_method_that_there_is(method: str) -> None:
    bodies = [json.loads(BODIES[method](number)) for number in range(50)]
    assert {body["method"]["type"] for body in bodies} == {method} <= METHODS.keys()
    assert len({json.dumps(body) for body in bodies}) == 50
    assert all(body["amount"] > 0 for body in bodies)


async def test_every_merchant_pays_with_every_method_in_turn() -> None:
    seen: set[tuple[str, str]] = set()

    async def take(request: Request) -> JSONResponse:
        body = await request.json()
        seen.add((request.url.path, body["method"]["type"]))
        return JSONResponse({"id": f"pay_{len(seen)}"}, 202)

    app = Starlette(routes=[Route("/{merchant}", take, methods=["POST"])])
    async with serving(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))) as url:
        targets = [Target(f"{url}/one", {}), Target(f"{url}/two", {})]
        load = Load(targets=targets, rate=40, seconds=1, methods=list(BODIES))
        shots = await asyncio.to_thread(fired, load)
    assert all(shot.accepted for shot in shots)
    assert seen == {(merchant, method) for merchant in ("/one", "/two") for method in BODIES}


def fired(load: Load) -> list[Shot]:
    with firing(load) as generator:
        return generator.shots()
