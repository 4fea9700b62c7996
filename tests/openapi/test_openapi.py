"""The OpenAPI document describes what the gateway does: every route of it is tried with right and wrong requests."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from testkit.service import KEY_RING
from testkit.waiting import until

HERE = Path(__file__).parent
MAX_SECONDS = 1800  # alone about 60; for machines that do much else beside


@pytest.fixture
def environment(stores, new_database) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as another:
        port, admin_port = (one.getsockname()[1] for one in (free, another))
    return os.environ | {
        "DATABASE_URL": new_database("gateway"),
        "REDIS_URL": stores.redis_url,
        "KAFKA_BOOTSTRAP": stores.kafka,
        "KEY_RING": KEY_RING,
        "ENVIRONMENT": "test",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "ADMIN_HOST": "127.0.0.1",
        "ADMIN_PORT": str(admin_port),
        "WAIT_SECONDS": "0",
        "RATE_LIMIT_PER_SECOND": "100000",
        "RATE_LIMIT_BURST": "1000000",
        "ANONYMOUS_LIMIT_PER_SECOND": "100000",
        "ANONYMOUS_LIMIT_BURST": "1000000",
        "MALIPO_URL": f"http://127.0.0.1:{port}",
    }


@pytest.fixture
def gateway(environment, tmp_path) -> Generator[Path]:
    """A gateway that serves at MALIPO_URL; gives the path of its log."""
    log = tmp_path / "gateway.log"
    with (
        log.open("w") as out,
        subprocess.Popen([sys.executable, "-m", "gateway", "serve"], env=environment, stdout=out) as process,
    ):
        try:
            yield log
        finally:
            process.terminate()


def operator(environment: dict[str, str], *command: str) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "gateway", *command, "--json"], env=environment, capture_output=True, check=True
    )
    return json.loads(run.stdout)


@pytest.mark.timeout(MAX_SECONDS)
def test_every_route_does_what_its_description_promises(environment, gateway):
    merchant = operator(environment, "merchant", "create", "corner-shop")
    key = operator(environment, "key", "create", merchant["id"])["key"]
    asyncio.run(until(lambda: is_ready(environment["ADMIN_PORT"]), seconds=60, what="a gateway"))
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", HERE / "schemathesis.toml", "run", f"{environment['MALIPO_URL']}/openapi.json"),
        ],
        env=environment | {"MALIPO_KEY": key, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    errors = [line for line in gateway.read_text("utf-8").splitlines() if '"level": "error"' in line]
    assert [
        line for line in errors if "commands unanswered" not in line
    ] == []  # there is no orchestrator that would answer


def is_ready(admin_port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{admin_port}/health/ready").is_success
    except httpx.TransportError:
        return False


def examples(node: Any, document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each schema in the document that stands beside examples, with each of these."""
    if isinstance(node, list):
        for inner in node:
            yield from examples(inner, document)
    if not isinstance(node, dict):
        return
    schema = node.get("schema", node if "properties" in node else None)
    if isinstance(schema, dict):
        shown = [node["example"]] if "example" in node else []
        named = node.get("examples", {})
        shown += [one["value"] for one in named.values()] if isinstance(named, dict) else []
        yield from ((schema | {"components": document["components"]}, one) for one in shown)
    for name, inner in node.items():
        if name not in ("example", "examples"):
            yield from examples(inner, document)


def test_every_example_fits_its_schema():
    document = json.loads((HERE.parents[1] / "docs" / "openapi.json").read_text("utf-8"))
    found = list(examples(document, document))
    assert len(found) > 100
    for schema, example in found:
        wrong = [
            error.message
            for error in jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(example)
        ]
        assert wrong == [], example
