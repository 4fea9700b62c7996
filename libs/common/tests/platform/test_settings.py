"""What somebody reads whose settings are wrong."""

import base64
import hashlib
import os
import re
from pathlib import Path

import pytest

from malipo.platform import settings
from malipo.platform.settings import EXIT_BAD_CONFIGURATION, HttpSettings, KeyRingSettings, ServiceSettings
from provider_stripe.settings import Settings
from testkit.in_production import VARIABLES


def complaints(monkeypatch, capsys, given: dict[str, str | None], of: type[ServiceSettings] = HttpSettings) -> str:
    for name, value in (VARIABLES | given).items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        settings.load(of)
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    return capsys.readouterr().err


NO_BROKER = "is no broker: write host:port, with a comma between two, and IPv6 in brackets"
NO_BROKERS = {
    "127.0.0.1": "127.0.0.1",
    "a:1 b:2": "a:1 b:2",
    "a:9092,b": "b",
    "a:9092,": "",
    "PLAINTEXT://a:9092": "PLAINTEXT://a:9092",
    "::1": "::1",
    "a:0": "a:0",
    "a:65536": "a:65536",
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KAFKA_BOOTSTRAP", None, "is required"),
        *(("KAFKA_BOOTSTRAP", value, f"{broker!r} {NO_BROKER}") for value, broker in NO_BROKERS.items()),
        ("KAFKA_BOOTSTRAP", "", "is required"),
        ("HTTP_PORT", "70000", "should be less than or equal to 65535"),
        ("HTTP_PORT", "many", "should be a valid integer, unable to parse string as an integer"),
        ("ADMIN_PORT", "0", "should be greater than or equal to 1"),
        (
            "ADMIN_PORT",
            "8080",
            "must be another than HTTP_PORT, which is 8080: what operators read is not for the public",
        ),
        ("ENVIRONMENT", "staging", "should be 'local', 'test' or 'production'"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "'proxy' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong_in_plain_words(monkeypatch, capsys, name, value, said):
    assert complaints(monkeypatch, capsys, {name: value}) == f"setting {name}: {said}\n"


@pytest.mark.parametrize("brokers", ["kafka:9092", "a-1.example:9092, b_2:9093", "[::1]:9092,10.0.0.1:65535"])
def test_brokers_are_given_by_host_and_port(monkeypatch, brokers):
    for name, value in (VARIABLES | {"KAFKA_BOOTSTRAP": brokers}).items():
        monkeypatch.setenv(name, value)
    assert settings.load(ServiceSettings).kafka_bootstrap == brokers


def test_an_empty_variable_counts_as_unset(monkeypatch):
    empty = dict.fromkeys(
        ("KAFKA_CA_FILE", "KAFKA_USERNAME", "KAFKA_PASSWORD", "HTTP_PORT", "LOG_LEVEL", "FAILPOINTS"), ""
    )
    for name, value in (VARIABLES | empty).items():
        monkeypatch.setenv(name, value)
    found = settings.load(HttpSettings)
    assert (found.kafka_ca_file, found.kafka_username, found.kafka_password, found.failpoints) == (None,) * 4
    assert (found.http_port, found.log_level) == (8080, "INFO")


def test_a_check_of_several_settings_names_the_one_to_change_in_plain_words(monkeypatch, capsys):
    said = complaints(monkeypatch, capsys, {"STRIPE_API_BASE": "http://stripe.example"}, Settings)
    assert said == "setting STRIPE_API_BASE: must be https in production: every request carries a secret key\n"


def test_the_value_of_a_wrong_secret_is_not_shown(monkeypatch, capsys):
    said = complaints(monkeypatch, capsys, {"KEY_RING": "k1:c2VjcmV0"}, KeyRingSettings)
    assert said.startswith("setting KEY_RING: ")
    assert "c2VjcmV0" not in said
    assert "error" not in said.lower()


def ring_of(*keys: bytes) -> str:
    return ",".join(f"k{number}:{base64.b64encode(key).decode()}" for number, key in enumerate(keys))


RANDOM = hashlib.sha256(b"as good as drawn at random").digest()


@pytest.mark.parametrize(
    "keys",
    [
        [bytes(32)],
        [b"k" * 32],
        [b"for local use only, never in pro"],
        [b"0123456789abcdef" * 2],
        [bytes(range(8)) * 4],
        [RANDOM, bytes(32)],
    ],
)
def test_production_refuses_keys_that_were_not_drawn_at_random(monkeypatch, capsys, keys):
    said = complaints(monkeypatch, capsys, {"KEY_RING": ring_of(*keys)}, KeyRingSettings)
    assert said.startswith(f"setting KEY_RING: has a key that was not drawn at random (k{len(keys) - 1})")
    monkeypatch.setenv("ENVIRONMENT", "local")
    assert settings.load(KeyRingSettings).key_ring.get_secret_value() == ring_of(*keys)


def test_production_refuses_the_keys_of_the_compose_file(monkeypatch, capsys):
    compose = Path(__file__).parents[4] / "docker-compose.yml"
    keys = set(re.findall(r"KEY_RING: (\S+)", compose.read_text("utf-8")))
    assert keys
    for ring in keys:
        said = complaints(monkeypatch, capsys, {"KEY_RING": ring}, KeyRingSettings)
        assert said.startswith("setting KEY_RING: has a key that was not drawn at random")


def test_production_takes_random_keys(monkeypatch):
    for name, value in (VARIABLES | {"KEY_RING": ring_of(*map(os.urandom, [32] * 100))}).items():
        monkeypatch.setenv(name, value)
    assert settings.load(KeyRingSettings).in_production
