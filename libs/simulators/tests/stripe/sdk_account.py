"""Stripe's official Python SDK against the simulator, an account for each check. These do not always run, as the SDK is no dependency:

uv run --with stripe==16.1.0 pytest libs/simulators/tests/stripe/sdk_*.py
"""

import json
import re
import subprocess
import sys
import time
import urllib.request

import pytest
import stripe as sdk

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
BACK = "https://shop.example/back"


@pytest.fixture(scope="session")
def url():
    command = [sys.executable, "-m", "malipo_simulators", "stripe", "--port", "0", "--seed", "sdk"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
        process.terminate()


class Account:
    """An account of its own for each check: `v1` is the SDK's."""

    def __init__(self, url, name):
        self.url = url
        self.key = f"sk_test_{name}"
        self.v1 = sdk.StripeClient(self.key, base_addresses={"api": url}).v1

    def pay(self, method="pm_card_visa", **more):
        params = {"amount": 1000, "currency": "usd", "payment_method": method, "confirm": True}
        return self.v1.payment_intents.create(params | {"automatic_payment_methods": NO_REDIRECTS} | more)

    def control(self, path, body=None):
        request = urllib.request.Request(f"{self.url}/_sim/{path}", json.dumps(body or {}).encode())
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def refused(self, method, **more):
        with pytest.raises(sdk.CardError) as error:
            self.pay(method, **more)
        return error.value

    def events(self, kind):
        return self.v1.events.list({"type": kind}).data

    def until(self, read):
        deadline = time.monotonic() + 10
        while not (found := read()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found


@pytest.fixture
def account(url, request):
    return Account(url, re.sub(r"\W", "", request.node.name)[-200:])
