"""What somebody reads whose database cannot be used as it is given, and what production refuses."""

import pytest

from malipo.platform import database_url, settings
from malipo.platform.database_settings import DatabaseSettings

VERIFIED = "sslmode=verify-full&sslrootcert={ca}"
URL = "postgresql://shop:a-secret@db.example/shop"


@pytest.fixture
def load(monkeypatch, files):
    def load(url: str, **given: str) -> DatabaseSettings:
        for name, value in ({"DATABASE_URL": url.format_map(files)} | given).items():
            monkeypatch.setenv(name, value)
        return settings.load(DatabaseSettings)

    return load


@pytest.mark.parametrize(
    "url",
    [
        f"{URL}?{VERIFIED}",
        f"{URL}?{VERIFIED}&sslcert={{own}}&sslkey={{key}}",
        f"{URL}?sslmode=require",
        "postgresql://shop@db-1.example:5432,db-2.example:5432/shop?sslmode=require&target_session_attrs=read-write",
        "postgres://shop:%40%2F%3F%23@db.example/shop?sslmode=require&application_name=gateway",
        "postgresql://shop:a-secret@/shop?host=/run/postgresql",
        "postgresql://shop@%2Frun%2Fpostgresql/shop",
    ],
)
def test_production_takes_what_is_encrypted_or_stays_on_the_machine(load, files, url):
    assert load(url).database_url.get_secret_value() == url.format_map(files)


@pytest.mark.parametrize("words", ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer"])
def test_production_refuses_what_may_be_plain_text_unless_that_is_said(load, capsys, words):
    with pytest.raises(SystemExit):
        load(URL + words)
    said = capsys.readouterr().err
    assert said.startswith("setting DATABASE_URL: must be encrypted when ENVIRONMENT is production")
    assert "ALLOW_PLAINTEXT" in said
    assert load(URL + words, ALLOW_PLAINTEXT="true").allow_plaintext
    assert load(URL + words, ALLOW_PLAINTEXT="false", ENVIRONMENT="local").environment == "local"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://shop:a-secret@db.example/shop", "must be as postgresql://"),
        ("a-secret", "must be as postgresql://"),
        (f"{URL}?ssl_mode=require", "has a word behind its question mark that is not understood"),
        (f"{URL}?sslmode=require&sslmode=disable", "or twice"),
        (f"{URL}?a-secret", "has a word behind its question mark that is not understood"),
        (f"{URL}?sslmode=on", "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full"),
        (f"{URL}?sslmode=verify-full", "sslmode=verify-full needs sslrootcert"),
        (f"{URL}?sslmode=verify-full&sslrootcert={{nowhere}}", "cannot be read: No such file"),
        (f"{URL}?sslmode=verify-full&sslrootcert={{note}}", "holds no certificates (PEM)"),
        (f"{URL}?{VERIFIED}&sslcert={{own}}&sslkey={{other_key}}", "are no certificate and its key"),
        (f"{URL}?{VERIFIED}&sslcert={{own}}", "are no certificate and its key"),
        ("postgresql://shop:a-secret@a@db.example/shop?sslmode=require", "percent-encoded"),
        ("postgresql://shop:a/secret@db.example/shop?sslmode=require", "percent-encoded"),
        ("postgresql://shop:a?secret@db.example/shop", "percent-encoded"),
        ("postgresql://shop:a#secret@db.example/shop", "percent-encoded"),
    ],
)
def test_a_url_that_would_be_read_otherwise_than_it_was_meant_is_refused_and_not_shown(load, capsys, url, why):
    with pytest.raises(SystemExit):
        load(url)
    said = capsys.readouterr().err
    assert said.startswith("setting DATABASE_URL: ")
    assert why in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:p@db/x", "db:5432"),
        ("postgresql://u:p@db:6432/x", "db:6432"),
        ("postgresql://u:p@one,two:6432/x", "one:5432,two:6432"),
        ("postgresql://u:p@[fd00::1]/x", "[fd00::1]:5432"),
        ("postgresql://u:p@[fd00::1]:6432/x", "[fd00::1]:6432"),
        ("postgresql:///x?host=/run/postgresql&port=6432", "/run/postgresql:6432"),
    ],
)
def test_messages_name_where_a_url_leads_and_nothing_else_of_it(url, place):
    assert database_url.place(url) == place
