"""The service's settings: where requests go, what stops it at start, and who may send callbacks."""

import base64

import mpesa_samples as samples
import pytest
from pydantic import ValidationError

from malipo_simulators.mpesa.initiators.certificate import CERTIFICATE
from provider_kit.settings import hosts_of
from provider_mpesa.account import read_account
from provider_mpesa.client import HOSTS
from provider_mpesa.main import certificates_of
from provider_mpesa.settings import SAFARICOMS_ADDRESSES, Settings
from testkit import in_production

KEY = base64.b64encode(b"k" * 32).decode()
NEEDED = in_production.SETTINGS | {"callback_base_url": "https://pay.example"}


def settings(**given) -> Settings:
    return Settings(**NEEDED | given)


@pytest.fixture
def certificate(tmp_path):
    path = tmp_path / "safaricom.cer"
    path.write_text(CERTIFICATE)
    return path


def test_each_mode_has_its_host_unless_all_goes_to_one():
    assert hosts_of(settings().mpesa_api_base, HOSTS) == {
        "test": "https://sandbox.safaricom.co.ke",
        "live": "https://api.safaricom.co.ke",
    }
    assert hosts_of(settings(mpesa_api_base="https://m.example").mpesa_api_base, HOSTS) == dict.fromkeys(
        ("test", "live"), "https://m.example"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"mpesa_api_base": "http://m.example"}, "MPESA_API_BASE must be https in production"),
        ({"callback_base_url": "http://pay.example"}, "CALLBACK_BASE_URL must be https in production"),
        ({"callback_base_url": "https://mpesa.shop.example"}, "must not contain 'mpesa'"),
        ({"callback_base_url": "https://pay.sqlshop.example"}, "must not contain 'sql'"),
        ({"mpesa_callback_addresses": "somewhere"}, "mpesa_callback_addresses"),
        ({"mpesa_certificate_file": "/does/not/exist.cer"}, "mpesa_certificate_file"),
    ],
)
def test_what_would_not_work_stops_the_service_at_start(given, why):
    with pytest.raises(ValidationError, match=why):
        settings(**given)


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_that_is_no_certificate_stops_the_service_at_start(tmp_path, content):
    path = tmp_path / "wrong.cer"
    path.write_bytes(content)
    with pytest.raises(ValidationError, match="mpesa_certificate_file"):
        settings(mpesa_certificate_file=path)


def test_a_certificate_is_read_as_text_and_as_bytes_and_is_of_both_modes_unless_test_has_another(certificate, tmp_path):
    binary = tmp_path / "binary.cer"
    binary.write_bytes(base64.b64decode("".join(CERTIFICATE.strip().splitlines()[1:-1])))
    for given in (
        {"mpesa_certificate_file": certificate},
        {"mpesa_certificate_file": binary, "mpesa_test_certificate_file": certificate},
    ):
        keys = certificates_of(settings(**given))
        for mode in ("test", "live"):
            assert keys.credential(read_account(samples.CREDENTIALS, mode)) != ""


def test_everybody_who_knows_an_address_may_send_unless_senders_are_listed():
    assert settings().senders == ()
    listed = settings(mpesa_callback_addresses="safaricom, 10.0.0.0/8").senders
    assert len(listed) == len(SAFARICOMS_ADDRESSES) + 1
