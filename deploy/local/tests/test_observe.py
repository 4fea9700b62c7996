"""`--observe`: Prometheus beside a stack, which reads every replica's admin port and has the alerts."""

import sys
from pathlib import Path

import httpx
import pytest

from malipo_local import Stack, prometheus
from malipo_local.errors import StackError
from malipo_local.go_tools import PROMETHEUS
from malipo_local.plan import Plan
from malipo_local.services import Kind, names

from .conftest import Fakes, processes_of

SERVER = """#!{python}
import sys, http.server
given = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
host, port = given["web.listen-address"].split(":")
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in ("/-/ready", "/configuration") else 404)
        self.end_headers()
        self.wfile.write(open(given["config.file"], "rb").read())
http.server.HTTPServer((host, int(port)), Page).serve_forever()
"""


@pytest.fixture
def on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `prometheus` that shows what it was told."""
    program = folder / "bin/prometheus"
    program.parent.mkdir()
    program.write_text(SERVER.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


@pytest.mark.usefixtures("on_the_path")
def test_it_reads_every_replicas_admin_port_and_ends_with_the_stack(fakes: Fakes, folder: Path) -> None:
    options = {"settings": fakes.settings, "replicas": {"gateway": 2}, "keep": True}
    with Stack(folder / "home", only={"gateway", "orchestrator"}, observe=True, **options) as stack:
        status = {unit.name: (unit.kind, unit.state) for unit in stack.status()}
        assert status["prometheus"] == ("observer", "ready")
        assert stack.env()["PROMETHEUS_URL"] == stack.url("prometheus")
        told = httpx.get(f"{stack.url('prometheus')}/configuration").json()
        (job,) = told["scrape_configs"]
        read = {entry["labels"]["service"]: entry["targets"] for entry in job["static_configs"]}
        assert read == {
            name: [url.removeprefix("http://") for url in stack.admin_urls(name)]
            for name in ("gateway", "orchestrator")
        }
        assert len(read["gateway"]) == 2
        assert job["job_name"] == "malipo"
        (rules,) = told["rule_files"]
        assert list(Path(rules).parent.glob(Path(rules).name))
    assert not processes_of(folder / "home")


def test_a_stack_without_it_is_another_than_one_with_it() -> None:
    assert Plan(observe=True).has(Plan())
    assert not Plan().has(Plan(observe=True))
    assert {row.name for row in Plan(observe=True).rows()} - {row.name for row in Plan().rows()} == {"prometheus"}
    assert names(Kind.OBSERVER) == (), "it is no part of the system"


def test_where_it_can_neither_be_found_nor_built_that_is_said_before_anything_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MALIPO_CACHE", str(folder / "cache"))
    assert not prometheus.is_there()
    with pytest.raises(StackError, match="no go command: install Go"):
        Stack(folder / "home", only={"redis"}, observe=True).start(detach=False)
    assert not processes_of(folder / "home")
    assert PROMETHEUS.path.is_relative_to(folder / "cache")
