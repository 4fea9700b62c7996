"""Failpoints: what is recorded, which process dies where, and that production refuses them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from malipo.platform import settings
from malipo.platform.settings import EXIT_BAD_CONFIGURATION, ServiceSettings
from testkit.in_production import VARIABLES

TWO_COMMITS = """
import asyncio, sys
from pathlib import Path
from malipo.messaging.pool import create_pool
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import INSERT_INBOX
from testkit import failpoints

async def main(url, folder):
    failpoints.install(Path(folder), "a-service")
    database = Database()
    database.use(await create_pool(url, 2))
    async with database.begin() as unit:
        await unit.transaction.fetch("SELECT 1")
    for number in range(2):
        async with database.begin() as unit:
            unit.put(INSERT_INBOX, [("test", str(number))])
    await database.write("DELETE FROM inbox WHERE message_id = 'unknown'")
    await database.write("UPDATE inbox SET received_at = now() WHERE message_id = '1'")
    print("lived")

asyncio.run(main(*sys.argv[1:]))
"""


def run(url: str, folder: Path, **plan) -> subprocess.CompletedProcess[str]:
    (folder / "plan.json").write_text(json.dumps({"run": "1", "record": False, "kill": None, **plan}))
    command = [sys.executable, "-c", TWO_COMMITS, url, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def count(url: str) -> str:
    script = "import asyncio, asyncpg, sys\nasync def main():\n print(await (await asyncpg.connect(sys.argv[1])).fetchval('SELECT count(*) FROM inbox'))\nasyncio.run(main())"
    return subprocess.run(
        [sys.executable, "-c", script, url], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_each_commit_that_changes_something_is_recorded_on_both_sides(new_database, tmp_path):
    assert run(new_database("orchestrator"), tmp_path, record=True).stdout == "lived\n"
    lines = (tmp_path / "a-service.crossings").read_text().splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["postgresql commit", "before"],
        ["postgresql commit", "after"],
    ] * 3


@pytest.mark.parametrize(
    ("moment", "nth", "rows"), [("before", 1, "0"), ("after", 1, "1"), ("before", 2, "1"), ("after", 2, "2")]
)
def test_the_process_dies_exactly_where_the_plan_has_it(new_database, tmp_path, moment, nth, rows):
    url = new_database("orchestrator")
    place = "__main__.main"
    crossing = {"service": "a-service", "seam": "postgresql commit", "moment": moment, "place": place, "nth": nth}
    died = run(url, tmp_path, kill=crossing)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "")
    assert count(url) == rows
    assert not (tmp_path / "plan.json").exists()


def test_no_process_dies_by_a_plan_for_another_service(new_database, tmp_path):
    crossing = {"service": "other", "seam": "postgresql commit", "moment": "before", "place": "__main__.main", "nth": 1}
    assert run(new_database("orchestrator"), tmp_path, kill=crossing).stdout == "lived\n"


@pytest.mark.parametrize("environment", ["production", "nonsense", None])
def test_production_refuses_failpoints(environment, tmp_path, monkeypatch, capsys):
    given = VARIABLES | {"FAILPOINTS": str(tmp_path)} | ({"ENVIRONMENT": environment} if environment else {})
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        settings.load(ServiceSettings)
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    assert "FAILPOINTS" in capsys.readouterr().err


def test_nothing_is_patched_unless_the_setting_is_there():
    script = "import sys, gateway.main; print('testkit.failpoints' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "False\n"
