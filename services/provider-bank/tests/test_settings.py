"""Settings of the bank's service: the operator's partners, each named if it is wrong."""

import json

import pytest

from provider_bank.settings import Settings
from testkit.in_production import SETTINGS as VALUES

GOOD = {"mode": "live", "authentication": "oauth2", "api_base": "https://api.bank.example"}


def settings(environment: str = "production", **partners) -> Settings:
    return Settings(**VALUES, environment=environment, bank_partners=json.dumps(partners))


def test_partners_are_read_with_what_is_usual():
    partner = settings(default=GOOD).bank_partners["default"]
    assert (partner.webhooks, partner.certificate_authorities, partner.timeout_seconds) == ("hmac", None, 20)


def test_they_are_read_from_the_environment(monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("BANK_PARTNERS", json.dumps({"default": GOOD}))
    assert set(Settings().bank_partners) == {"default"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"api_base": "http://api.bank.example"}, "api_base of second must be https"),
        ({"api_base": "https://api.bank.example/v1"}, "second.api_base"),
        ({"authentication": "magic"}, "second.authentication"),
        ({"mode": "both"}, "second.mode"),
        ({"timeout_seconds": 0}, "second.timeout_seconds"),
        ({"webhook": "jws"}, "second.webhook"),
        ({"certificate_authorities": "/nowhere.pem"}, "second.certificate_authorities"),
        ({"certificate_authorities": __file__}, "holds no certificates"),
    ],
)
def test_a_wrong_one_is_refused_and_named(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        settings(default=GOOD, second=GOOD | changes)


@pytest.mark.parametrize("partners", ["{}", "[]", "no JSON", '{"Upper": {}}'])
def test_no_partners_are_refused(partners):
    with pytest.raises(ValueError, match=r"(?i)bank_partners"):
        Settings(**VALUES, bank_partners=partners)


def test_what_runs_on_one_machine_needs_no_encryption():
    assert settings("local", default=GOOD | {"api_base": "http://127.0.0.1:1"}).bank_partners
