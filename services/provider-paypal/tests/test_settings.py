"""Settings of PayPal's service."""

import pytest

from provider_kit.settings import hosts_of
from provider_paypal.client import HOSTS
from provider_paypal.main import honoured_of
from provider_paypal.settings import HONOURED, Settings
from testkit.in_production import SETTINGS as VALUES


def test_each_mode_has_its_own_address_unless_one_is_set():
    assert hosts_of(Settings(**VALUES).paypal_api_base, HOSTS) == HOSTS
    elsewhere = Settings(**VALUES, environment="local", paypal_api_base="http://127.0.0.1:1")
    assert set(hosts_of(elsewhere.paypal_api_base, HOSTS).values()) == {"http://127.0.0.1:1"}


def test_secrets_are_not_sent_in_the_clear_in_production():
    with pytest.raises(ValueError, match="must be https in production"):
        Settings(**VALUES, environment="production", paypal_api_base="http://api-m.paypal.com")


def test_certificates_are_fetched_from_paypal_unless_other_origins_are_listed():
    assert "https://api.paypal.com" in Settings(**VALUES).origins
    listed = Settings(**VALUES, environment="local", paypal_certificate_origins="http://127.0.0.1:1 , https://b.test")
    assert listed.origins == {"http://127.0.0.1:1", "https://b.test"}


@pytest.mark.parametrize(
    "origin", ["api.paypal.com", "https://a.test/", "https://*.test", "https://A.test", "ftp://a.test"]
)
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(ValueError, match="an origin is as"):
        Settings(**VALUES, paypal_certificate_origins=origin)


def test_certificates_do_not_come_in_the_clear_in_production():
    with pytest.raises(ValueError, match="must be https in production"):
        Settings(**VALUES, environment="production", paypal_certificate_origins="http://127.0.0.1:1")


def test_holds_are_renewed_after_three_days_unless_that_is_switched_off():
    assert honoured_of(Settings(**VALUES)) == HONOURED
    assert honoured_of(Settings(**VALUES, paypal_reauthorize_seconds=0)) is None
