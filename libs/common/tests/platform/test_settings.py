"""What somebody reads whose settings are wrong."""

import pytest

from malipo.platform import settings
from malipo.platform.settings import EXIT_BAD_CONFIGURATION, KeyRingSettings, ServiceSettings
from provider_stripe.settings import Settings
from testkit.in_production import VARIABLES


def complaints(monkeypatch, capsys, given: dict[str, str | None], of: type[ServiceSettings] = ServiceSettings) -> str:
    for name, value in (VARIABLES | given).items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        settings.load(of)
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KAFKA_BOOTSTRAP", None, "is required"),
        ("HTTP_PORT", "70000", "should be less than or equal to 65535"),
        ("HTTP_PORT", "many", "should be a valid integer, unable to parse string as an integer"),
        ("ENVIRONMENT", "staging", "should be 'local', 'test' or 'production'"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "'proxy' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong_in_plain_words(monkeypatch, capsys, name, value, said):
    assert complaints(monkeypatch, capsys, {name: value}) == f"setting {name}: {said}\n"


def test_a_check_of_several_settings_names_them_in_plain_words(monkeypatch, capsys):
    said = complaints(monkeypatch, capsys, {"STRIPE_API_BASE": "http://stripe.example"}, Settings)
    assert said == "STRIPE_API_BASE must be https in production: every request carries a secret key\n"


def test_the_value_of_a_wrong_secret_is_not_shown(monkeypatch, capsys):
    said = complaints(monkeypatch, capsys, {"KEY_RING": "k1:c2VjcmV0"}, KeyRingSettings)
    assert said.startswith("setting KEY_RING: ")
    assert "c2VjcmV0" not in said
    assert "error" not in said.lower()
