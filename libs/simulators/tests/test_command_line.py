"""Started as a user starts them: by command, on a port of the system's choice, ended by a signal."""

import base64
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509

from malipo_simulators.mpesa.settings import SANDBOX_PASSKEY

DEADLINE_SECONDS = 20
API_KEY = "sk_test_commandLine"


@contextmanager
def started(*arguments):
    command = [sys.executable, "-m", "malipo_simulators", *arguments, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            first_line = process.stdout.readline()
            address = re.search(r"http://\S+", first_line)[0]
            with httpx.Client(base_url=address, trust_env=False, timeout=DEADLINE_SECONDS) as http:
                http.first_line = first_line
                yield http
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)


@pytest.mark.parametrize("name", ["bank", "mpesa", "paypal", "stripe", "merchant"])
def test_a_simulator_prints_its_address_answers_and_ends_by_a_signal(name):
    with started(name) as http:
        assert http.get("/_sim/health").json()["status"] == "ok"
        address = http.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_webhooks_travel_from_one_simulator_to_the_other():
    with started("stripe", "--seed", "s") as stripe, started("merchant") as merchant:
        endpoint = {
            "api_key": API_KEY,
            "url": f"{merchant.base_url}/hooks/shop",
            "enabled_events": ["payment_intent.created"],
        }
        stripe.post("/_sim/webhook_endpoints", json=endpoint).raise_for_status()
        for _ in range(3):
            data = {"amount": "1000", "currency": "usd"}
            stripe.post(
                "/v1/payment_intents", data=data, headers={"authorization": f"Bearer {API_KEY}"}
            ).raise_for_status()
        assert received(merchant, 3) >= {"payment_intent.created"}
        assert merchant.get("/_sim/received").json()[0]["headers"]["stripe-signature"].startswith("t=")


def test_a_callback_of_m_pesa_is_posted_over_the_wire_to_the_url_of_the_push():
    with started("mpesa", "--answer", "paid", "--answer-seconds", "0.01") as mpesa, started("merchant") as merchant:
        token = mpesa.get("/oauth/v1/generate?grant_type=client_credentials", auth=("key", "secret"))
        bearer = {"authorization": f"Bearer {token.json()['access_token']}"}
        timestamp = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y%m%d%H%M%S")
        password = base64.b64encode(f"174379{SANDBOX_PASSKEY}{timestamp}".encode()).decode()
        push = {
            "BusinessShortCode": 174379,
            "Password": password,
            "Timestamp": timestamp,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 1,
            "PartyA": 254712345678,
            "PartyB": 174379,
            "PhoneNumber": 254712345678,
            "CallBackURL": f"{merchant.base_url}/hooks/shop",
            "AccountReference": "WIRE",
            "TransactionDesc": "wire",
        }
        mpesa.post("/mpesa/stkpush/v1/processrequest", json=push, headers=bearer).raise_for_status()
        received(merchant, 1)
        assert '"ResultCode":0' in merchant.get("/_sim/received").text.replace("\\", "")


def test_paypals_payers_approve_by_themselves_if_the_command_says_so():
    with started("paypal", "--approve", "all", "--approve-seconds", "0.01") as paypal:
        token = paypal.post(
            "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=("client", "secret")
        ).json()["access_token"]
        paypal.headers["authorization"] = f"Bearer {token}"
        order = {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "10.00"}}]}
        created = paypal.post("/v2/checkout/orders", json=order).json()
        assert created["links"][0]["href"].startswith(str(paypal.base_url).rstrip("/"))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while paypal.get(f"/v2/checkout/orders/{created['id']}").json()["status"] != "APPROVED":
            assert time.monotonic() < deadline, "nobody approved"
        assert paypal.post(f"/v2/checkout/orders/{created['id']}/capture", json={}).status_code == 201


def received(merchant, count):
    """The merchant refuses what is not signed its way, so these come again and again; that they come is the point."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        came = merchant.get("/_sim/received").json()
        if len(came) >= count:
            return {one["type"] for one in came}
    pytest.fail("no webhook came")


def test_help_explains_all():
    done = subprocess.run(
        [sys.executable, "-m", "malipo_simulators", "--help"], capture_output=True, text=True, check=True
    )
    for name in ("bank", "mpesa", "paypal", "stripe", "merchant"):
        assert name in done.stdout


def test_the_certificate_that_seals_initiators_passwords_can_be_printed_to_a_file():
    command = [sys.executable, "-m", "malipo_simulators", "mpesa", "--print-certificate"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE_SECONDS).stdout
    assert (
        x509.load_pem_x509_certificate(printed).subject.rfc4514_string() == "CN=mpesa.simulator.test,O=M-Pesa simulator"
    )
    with started("mpesa", "--pull-quirk", "pull_flat", "--pull-quirk", "pull_utc") as http:
        assert http.get("/_sim/certificate.cer").content == printed


def test_the_bank_listens_with_tls_too_and_writes_down_which_authority_to_trust(tmp_path):
    trusted, identity = tmp_path / "authority.pem", tmp_path / "identity.pem"
    with started("bank", "--tls-port", "0", "--authority-file", trusted, "--tls-names", "localhost") as http:
        given = http.post("/_sim/certificates", json={"partner": "shop"}).json()
        identity.write_text(given["private_key"] + given["certificate"])
        context = ssl.create_default_context(cafile=trusted)
        context.load_cert_chain(identity)
        address = re.search(r"https://127.0.0.1:(\d+)", http.first_line)[1]
        with httpx.Client(base_url=f"https://localhost:{address}", verify=context, trust_env=False) as secure:
            assert secure.get("/_sim/health").json()["status"] == "ok"
            assert secure.get("/_sim/authority.pem").content == trusted.read_bytes()
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://localhost:{address}", trust_env=False)
