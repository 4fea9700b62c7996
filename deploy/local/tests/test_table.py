"""The table of services, the lock of Kafka's jars, and other things that need no process."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from malipo_local.errors import StackError, StartError
from malipo_local.home import Home
from malipo_local.jars import Jar, fetch_one, locked
from malipo_local.plan import Plan
from malipo_local.ports import Ports
from malipo_local.program import PythonProgram
from malipo_local.services import SERVICES, Kind, select, waits_for
from malipo_local.site import Site


def test_every_need_in_the_table_is_a_row_of_it() -> None:
    rows = select(None)
    names = {row.name for row in rows}
    assert all(name in names for row in rows for name in waits_for(row))
    assert len(names) == len(rows)


def test_the_bank_has_a_second_port_for_client_certificates_that_is_shown_and_kept_free_with_the_first(
    folder: Path,
) -> None:
    home = Home(folder)
    home.adopt()
    site = Site(home, Plan(), Ports(home.ports))
    (row,) = (one for one in select(None) if one.name == "bank-sim")
    arguments, shown = site.fill(row, 0), site.environment()
    assert arguments[-2:] == ["--tls-port", shown["BANK_SIM_TLS_PORT"]]
    assert shown["BANK_SIM_URL"].rpartition(":")[2] == arguments[4] != arguments[-1]
    keys = PythonProgram(site, row, 0).port_keys
    assert [str(site.ports.of(key)) for key in keys] == [arguments[4], arguments[-1]]


def test_a_port_that_one_process_has_chosen_is_no_others_until_it_ends() -> None:
    with looking_for_a_port() as first:
        assert first.stdout
        found = int(first.stdout.readline())
        with looking_for_a_port(found) as second:
            assert "No free port" in second.communicate()[1]
        first.communicate("\n")
    with looking_for_a_port(found) as third:
        assert third.communicate("\n")[0] == f"{found}\n"


def looking_for_a_port(alone: int | None = None) -> subprocess.Popen[str]:
    """A process that says which port it has found, of all or of this one alone, and ends with the next line that it reads."""
    only = f"ports._LOWEST, ports._HIGHEST = {alone}, {alone} + 1;" if alone else ""
    script = f"from malipo_local import ports; {only} print(ports.free_port(), flush=True); input()"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_every_brace_in_the_table_can_be_filled(folder: Path) -> None:
    home = Home(folder)
    home.adopt()
    site = Site(home, Plan(), Ports(home.ports))
    filled = {row.name: site.settings(row, 0) for row in select(None)}
    assert filled["gateway"]["INSTANCE"] == "gateway-0"
    assert not [value for values in filled.values() for value in values.values() if re.search("{[a-z_]+}", value)]


def test_a_plan_has_what_was_requested_and_whatever_was_left_open() -> None:
    plan = Plan(only=("gateway", "redis"), replicas={"gateway": 2}, settings={"redis": {"maxmemory": "1gb"}})
    for requested in (Plan(), plan, Plan(only=("postgres",)), Plan(replicas={"gateway": 2})):
        assert plan.has(requested)
    for more in (
        Plan(only=("stripe-sim",)),
        Plan(replicas={"gateway": 3}),
        Plan(settings={"redis": {"maxmemory": "2gb"}}),
        Plan(settings={"gateway": {"LOG_LEVEL": "DEBUG"}}),
    ):
        assert not plan.has(more)


def test_a_stack_of_everything_does_not_get_what_the_table_gets_later_and_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(folder)
    home.adopt()
    earlier = [row for row in SERVICES if row.name != "merchant-sim"]
    with monkeypatch.context() as before:
        before.setattr("malipo_local.plan.SERVICES", earlier)
        Plan().save(home.plan)
    running = Plan.load(home.plan)
    assert running.lacks() == ("merchant-sim",)
    addresses = Site(home, running, Ports(home.ports)).environment()
    assert ("GATEWAY_URL" in addresses, "MERCHANT_SIM_URL" in addresses) == (True, False)


def test_a_stack_loses_what_the_table_has_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Plan().save(folder / "plan.json")
    monkeypatch.setattr("malipo_local.plan.SERVICES", [row for row in SERVICES if row.name != "merchant-sim"])
    assert "merchant-sim" not in {row.name for row in Plan.load(folder / "plan.json").rows()}


def test_a_service_never_waits_for_another_service() -> None:
    services = {row.name for row in SERVICES if row.kind is Kind.SERVICE}
    assert not [row.name for row in SERVICES if row.kind is Kind.SERVICE and services & {*waits_for(row)}]


def test_keys_are_made_once_and_only_their_owner_may_read_them(folder: Path) -> None:
    home = Home(folder)
    ring = home.key_ring()
    assert ring.startswith("k1:")
    assert home.key_ring() == ring
    assert stat.S_IMODE((folder / "key-ring").stat().st_mode) == 0o600


def test_every_jar_is_locked_with_its_digest() -> None:
    assert len(locked()) > 40
    assert all(len(jar.sha256) == 64 for jar in locked())
    assert any(jar.coordinate.startswith("org.apache.kafka:kafka-clients:4.1") for jar in locked())


def test_a_jar_with_other_content_is_refused(folder: Path) -> None:
    jar = Jar("org.example:thing:1.0", "0" * 64)
    source = folder / "mirror" / "org/example/thing/1.0/thing-1.0.jar"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"not what was locked")

    class Context:
        def create_dependency(self, _: str) -> "Context":
            return self

        @property
        def artifact(self) -> "Context":
            return self

        def resolve(self) -> Path:
            path = jar.path(folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
            return path

    with pytest.raises(StartError, match="not the file that was locked"):
        fetch_one(Context(), jar)
    assert not jar.path(folder).exists()


def test_a_plan_survives_being_written_and_read(folder: Path) -> None:
    plan = Plan(only=("gateway",), settings={"gateway": {"LOG_LEVEL": "DEBUG"}}, replicas={"gateway": 2})
    plan.save(folder / "plan.json")
    assert Plan.load(folder / "plan.json") == plan


@pytest.mark.parametrize("consumers", ["erp-sink", '["erp-sink"]', '{"erp-sink"}'])
def test_consumers_of_ones_own_that_cannot_be_read_are_refused_before_anything_starts(consumers: str) -> None:
    with pytest.raises(
        StackError, match=r'topics.KAFKA_CONSUMERS=.*: write it as {"erp-sink": \["payments.events.v1"\]}'
    ):
        Plan(settings={"topics": {"KAFKA_CONSUMERS": consumers}})
