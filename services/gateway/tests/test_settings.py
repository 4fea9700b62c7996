"""What somebody reads whose Redis cannot be used as it is given, and what production refuses."""

import pytest

from gateway.settings import Settings
from malipo.platform import settings
from malipo_local.authority import Authority
from testkit.in_production import VARIABLES

URL = "rediss://gateway:a-secret@redis.example:6379/0"


@pytest.fixture
def load(monkeypatch, tmp_path):
    (tmp_path / "note.pem").write_text("no certificate\n")
    files = {"ca": Authority(tmp_path / "tls").certificate, "note": tmp_path / "note.pem"}

    def load(url: str, **given: str) -> Settings:
        for name, value in (VARIABLES | {"REDIS_URL": url.format_map(files)} | given).items():
            monkeypatch.setenv(name, value)
        return settings.load(Settings)

    return load


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"{URL}?ssl_ca_certs={{ca}}",
        f"{URL}?ssl_cert_reqs=required",
        "rediss://:a-secret@redis.example",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_production_takes_what_is_encrypted_or_stays_on_the_machine(load, url):
    assert load(url).in_production


def test_production_refuses_plain_text_unless_that_is_said(load, capsys):
    plain = URL.replace("rediss", "redis")
    with pytest.raises(SystemExit):
        load(plain)
    assert capsys.readouterr().err.startswith("setting REDIS_URL: must be encrypted when ENVIRONMENT is production")
    assert load(plain, ALLOW_PLAINTEXT="true").in_production
    assert not load(plain, ALLOW_PLAINTEXT="false", ENVIRONMENT="local").in_production


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://redis.example", "must be as rediss://"),
        (
            f"{URL}?ssl_check_hostname=no",
            "has a word behind its question mark that is not understood: ssl_check_hostname;",
        ),
        (f"{URL}?ssl_cert_reqs=none", "ssl_cert_reqs must be required"),
        (f"{URL.replace('rediss', 'redis')}?ssl_cert_reqs=required", "has words about TLS, and is not rediss://"),
        (f"{URL}?db=first", "must end with the number of a database"),
        ("rediss://:a-secret@redis.example:99999/0", "must have each host as host:port"),
        ("rediss://:a-secret@redis.example:0x/1", "must have each host as host:port"),
        ("rediss://:a-secret@redis-1:6379,redis-2:6379/1", "must have each host as host:port"),
        ("unix://run/secret.sock", "must name a file, as in unix:///run/redis.sock"),
        (f"{URL}?ssl_ca_certs={{note}}", "holds no certificates (PEM)"),
        (f"{URL.replace('rediss', 'redis')}?ssl_ca_certs={{ca}}", "has words about TLS, and is not rediss://"),
        ("rediss://:a-secret@redis.example/first", "must end with the number of a database"),
        ("rediss://:a@secret@redis.example/0", "percent-encoded"),
    ],
)
def test_a_url_that_would_be_read_otherwise_than_it_was_meant_is_refused_and_not_shown(load, capsys, url, why):
    with pytest.raises(SystemExit):
        load(url)
    said = capsys.readouterr().err
    assert said.startswith("setting REDIS_URL: ")
    assert why in said
    assert "secret" not in said
