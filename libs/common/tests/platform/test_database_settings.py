"""What somebody reads whose database cannot be used as it is given, and what production refuses."""

import ssl

import pytest

from malipo.messaging import sessions
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
        "postgresql://shop:a-secret@/shop?host=/run/postgresql&port=5433",
        "postgresql://shop@%2Frun%2Fpostgresql/shop",
        "postgresql://shop@/shop?host=db-1,db-2&port=5432,5433&sslmode=require",
        "postgresql://shop@[fd00::1]:5432/shop?sslmode=require&sslnegotiation=direct&ssl_min_protocol_version=TLSv1.3",
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
        (
            f"{URL}?ssl_mode=a-secret",
            "has a word behind its question mark that is not understood: ssl_mode; understood",
        ),
        (f"{URL}?sslmode=require&sslmode=disable", "has a word behind its question mark twice: sslmode"),
        (f"{URL}?a-secret", "has a word behind its question mark that is not understood; understood"),
        (f"{URL}?a-secret=1", "has a word behind its question mark that is not understood; understood"),
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
        ("postgresql://shop:a-secret@db.example:port/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@db.example:1:2/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@db.example:65536/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@db.example:0/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@fd00::1/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@[fd00::1]0/shop", "must have each host as host:port"),
        ("postgresql://shop:a-secret@db-1,,db-2/shop", "no host that is empty"),
        ("postgresql://shop:a-secret@/shop?host=db-1,db-2,db-3&port=1,2", "one port for all of its hosts"),
        ("postgresql://shop:a-secret@/shop?host=db-1&port=many", "one port for all of its hosts"),
        (f"{URL}?port=5433", "`host` and `port` behind it would have no effect"),
        (
            f"{URL}?sslmode=require&target_session_attrs=foo",
            "target_session_attrs must be one of any, primary, standby",
        ),
        (f"{URL}?sslmode=require&sslnegotiation=foo", "sslnegotiation must be one of postgres, direct"),
        (f"{URL}?sslnegotiation=direct", "sslnegotiation=direct needs sslmode to be one of require, verify-ca"),
        (f"{URL}?sslmode=require&ssl_min_protocol_version=TLSv1.9", "ssl_min_protocol_version must be one of TLSv1,"),
        (f"{URL}?sslmode=require&ssl_max_protocol_version=TLSv1.1", "must not be below ssl_min_protocol_version"),
        (f"{URL}?sslmode=require&channel_binding=require", "channel_binding=require cannot be kept: leave it out"),
        (f"{URL}?sslmode=require&connect_timeout=3", "connect_timeout must be 10 or more"),
        (f"{URL}?sslmode=require&connect_timeout=soon", "connect_timeout must be 10 or more"),
        (f"{URL}?sslmode=require&sslrootcert=system", "sslrootcert=system needs sslmode=verify-full"),
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


@pytest.mark.parametrize("mode", ["", "sslmode=verify-full&"])
def test_all_that_the_system_trusts_is_asked_for_as_psql_does(load, files, monkeypatch, mode):
    monkeypatch.setenv("SSL_CERT_FILE", str(files["ca"]))
    url = load(f"{URL}?{mode}sslrootcert=system").database_url.get_secret_value()
    assert url == f"{URL}?sslmode=verify-full&sslrootcert={files['ca']}"


def test_without_a_file_of_all_that_the_system_trusts_it_is_said_that_there_is_none(load, files, monkeypatch, capsys):
    nowhere = ssl.DefaultVerifyPaths(None, None, "", files["nowhere"], "", files["nowhere"])
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    with pytest.raises(SystemExit):
        load(f"{URL}?sslrootcert=system")
    assert "name one instead" in capsys.readouterr().err


def test_what_holds_anyway_may_be_written_down_as_psql_takes_it(load):
    url = load(f"{URL}?options=-c%20jit%3Doff&sslmode=require&channel_binding=prefer&connect_timeout=10")
    assert url.database_url.get_secret_value() == f"{URL}?options=-c%20jit%3Doff&sslmode=require"


def test_a_connection_is_waited_for_as_long_as_the_url_may_say():
    assert sessions.COMMAND_SECONDS == database_url.CONNECT_SECONDS
