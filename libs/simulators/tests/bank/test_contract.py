"""The contract describes what the simulated bank does: each call of it is tried with right and wrong requests."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
MAX_SECONDS = 900  # alone about 60; for machines that do much else beside
CLIENT = ("shop", "secret")
OPTIONS = ("--port", "0", "--seed", "contract", "--day-seconds", "60", "--customers", "shop")


@pytest.fixture
def address() -> Iterator[str]:
    """Of a simulated bank that runs."""
    command = [sys.executable, "-m", "malipo_simulators", "bank", *OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()


@pytest.mark.timeout(MAX_SECONDS)
def test_every_call_does_what_the_contract_promises(address):
    grant = {"grant_type": "client_credentials"}
    token = httpx.post(f"{address}/oauth2/token", data=grant, auth=CLIENT).json()["access_token"]
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", HERE / "schemathesis.toml", "run", f"{address}/openapi.json"),
        ],
        env=os.environ | {"BANK_URL": address, "BANK_TOKEN": token, "BANK_KEY": "shop.key", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
