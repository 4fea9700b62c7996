"""What `make status` prints beneath its table."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from malipo_local.ailments import ailments
from malipo_local.hints import USUAL_HOME
from malipo_local.ports import HOST
from malipo_local.status import UnitStatus


class Health(BaseHTTPRequestHandler):
    page: bytes = b""

    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer((HOST, 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def unit(name: str, kind: str, state: str, port: int | None) -> UnitStatus:
    return UnitStatus(
        name=name,
        service=name,
        kind=kind,
        state=state,
        pid=None,
        port=1,
        admin_port=port,
        restarts=0,
        seconds=0,
        memory_mb=0,
    )


def printed(*units: UnitStatus, home: Path = USUAL_HOME) -> list[str]:
    return list(ailments(units, home))


def test_what_is_stopped_and_what_is_not_ready_is_printed_with_the_command_that_helps(port: int) -> None:
    Health.page = json.dumps({"problems": {"consumers": "Kafka away: no broker answers at 127.0.0.1:1"}}).encode()
    assert printed(unit("kafka", "store", "stopped", None), unit("orchestrator", "service", "not ready", port)) == [
        "kafka is down. Start it with: make start ARGS=kafka",
        "orchestrator, consumers: Kafka away: no broker answers at 127.0.0.1:1. See: make logs ARGS=orchestrator",
    ]


def test_nothing_is_printed_about_what_is_well(port: int) -> None:
    Health.page = b'{"status": "ready", "problems": {}}'
    assert printed(unit("kafka", "store", "ready", None), unit("gateway", "service", "ready", port)) == []


def test_a_health_page_that_cannot_be_read_is_reported(port: int) -> None:
    Health.page = b"{}"
    [line] = printed(unit("gateway", "service", "not ready", port))
    assert line.startswith("gateway, health: its health page does not answer")
