"""What somebody reads whose settings of Kafka do not fit together."""

import pytest

from malipo.platform import settings
from malipo.platform.kafka_settings import KafkaSettings

PASSWORD = {"KAFKA_USERNAME": "gateway", "KAFKA_PASSWORD": "a-secret"}
CLEAR = {"ALLOW_PLAINTEXT": "true"}
TOKEN = {
    "KAFKA_OAUTH_TOKEN_URL": "https://id.example/token",
    "KAFKA_OAUTH_CLIENT_ID": "gateway",
    "KAFKA_OAUTH_CLIENT_SECRET": "a-secret",
}


def way(protocol: str, mechanism: str | None = None) -> dict[str, str]:
    return {"KAFKA_SECURITY_PROTOCOL": protocol} | ({"KAFKA_SASL_MECHANISM": mechanism} if mechanism else {})


@pytest.fixture
def load(monkeypatch):
    def load(given: dict[str, str], environment: str = "production") -> KafkaSettings:
        for name in KafkaSettings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in ({"KAFKA_BOOTSTRAP": "kafka:9092", "ENVIRONMENT": environment} | given).items():
            monkeypatch.setenv(name, value)
        return settings.load(KafkaSettings)

    return load


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {},
            "setting KAFKA_SECURITY_PROTOCOL: must be SASL_SSL or SSL when ENVIRONMENT is production; or set ALLOW_PLAINTEXT",
        ),
        (way("PLAINTEXT"), "setting KAFKA_SECURITY_PROTOCOL: must be SASL_SSL or SSL"),
        (way("SASL_PLAINTEXT", "PLAIN") | PASSWORD, "setting KAFKA_SECURITY_PROTOCOL: must not be SASL_PLAINTEXT"),
        (way("TLS"), "setting KAFKA_SECURITY_PROTOCOL: "),
        (way("SASL_SSL"), "setting KAFKA_SASL_MECHANISM: must be set with KAFKA_SECURITY_PROTOCOL=SASL_SSL"),
        (way("SASL_SSL", "GSSAPI"), "setting KAFKA_SASL_MECHANISM: "),
        (
            way("SSL", "PLAIN") | PASSWORD,
            "setting KAFKA_SASL_MECHANISM: must be unset with KAFKA_SECURITY_PROTOCOL=SSL",
        ),
        (
            way("SASL_SSL", "PLAIN"),
            "setting KAFKA_USERNAME: must be set with KAFKA_SECURITY_PROTOCOL=SASL_SSL and KAFKA_SASL_MECHANISM=PLAIN",
        ),
        (way("SASL_SSL", "SCRAM-SHA-512") | {"KAFKA_USERNAME": "gateway"}, "setting KAFKA_PASSWORD: must be set with"),
        (way("SASL_SSL", "PLAIN") | PASSWORD | {"KAFKA_PASSWORD": ""}, "setting KAFKA_PASSWORD: must be set with"),
        (CLEAR | PASSWORD, "setting KAFKA_USERNAME: must be unset with KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
        (way("SASL_SSL", "OAUTHBEARER") | PASSWORD, "setting KAFKA_USERNAME: must be unset with"),
        (way("SASL_SSL", "OAUTHBEARER"), "setting KAFKA_OAUTH_TOKEN_URL: must be set with"),
        (
            way("SASL_SSL", "OAUTHBEARER") | TOKEN | {"KAFKA_OAUTH_TOKEN_URL": "http://id.example/token"},
            "setting KAFKA_OAUTH_TOKEN_URL: must be https in production",
        ),
        (way("SASL_SSL", "PLAIN") | PASSWORD | TOKEN, "setting KAFKA_OAUTH_TOKEN_URL: must be unset with"),
        (
            way("SASL_SSL", "OAUTHBEARER") | TOKEN | {"KAFKA_OAUTH_EXTENSIONS": "pool"},
            "setting KAFKA_OAUTH_EXTENSIONS: ",
        ),
    ],
)
def test_settings_that_do_not_fit_stop_the_service_by_name_and_show_no_secret(load, capsys, given, said):
    with pytest.raises(SystemExit):
        load(given)
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert "a-secret" not in told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CA": "nowhere"}, "setting KAFKA_CA_FILE: {nowhere} cannot be read: No such file or directory"),
        ({"CA": "note"}, "setting KAFKA_CA_FILE: {note} holds no certificates (PEM)"),
        ({"CERTIFICATE": "own"}, "setting KAFKA_KEY_FILE: must be set with KAFKA_SECURITY_PROTOCOL=SSL"),
        ({"KEY": "key"}, "setting KAFKA_CERTIFICATE_FILE: must be set with KAFKA_SECURITY_PROTOCOL=SSL"),
        (
            {"CERTIFICATE": "own", "KEY": "other_key"},
            "setting KAFKA_KEY_FILE: {own} and {other_key} are no certificate and its key (PEM, not encrypted)",
        ),
        ({"CERTIFICATE": "own", "KEY": "nowhere"}, "setting KAFKA_KEY_FILE: {nowhere} cannot be read: "),
    ],
)
def test_a_file_that_is_of_no_use_stops_the_service_by_name(load, capsys, files, given, said):
    with pytest.raises(SystemExit):
        load(way("SSL") | {f"KAFKA_{name}_FILE": files[file] for name, file in given.items()})
    assert capsys.readouterr().err.startswith(said.format_map(files))


def test_files_are_of_no_use_without_tls(load, capsys, files):
    with pytest.raises(SystemExit):
        load(CLEAR | {"KAFKA_CA_FILE": files["ca"]})
    assert capsys.readouterr().err.startswith(
        "setting KAFKA_CA_FILE: must be unset with KAFKA_SECURITY_PROTOCOL=PLAINTEXT"
    )


@pytest.mark.parametrize(
    "given",
    [
        CLEAR,
        way("SSL"),
        way("SASL_SSL", "PLAIN") | PASSWORD,
        way("SASL_SSL", "SCRAM-SHA-256") | PASSWORD,
        way("SASL_SSL", "OAUTHBEARER")
        | TOKEN
        | {"KAFKA_OAUTH_EXTENSIONS": "logicalCluster=lkc-1,identityPoolId=pool-1"},
    ],
)
def test_what_fits_is_taken_in_production_too(load, given):
    assert load(given).kafka_security_protocol == given.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")


def test_a_certificate_may_stand_beside_a_password(load, files):
    given = {"KAFKA_CA_FILE": "ca", "KAFKA_CERTIFICATE_FILE": "own", "KAFKA_KEY_FILE": "key"}
    loaded = load(way("SASL_SSL", "PLAIN") | PASSWORD | {name: files[file] for name, file in given.items()})
    assert str(loaded.kafka_key_file) == files["key"]


def test_outside_production_brokers_may_be_spoken_to_in_the_clear_without_saying_so(load):
    assert not load({}, "local").encrypts
    assert load(way("SASL_PLAINTEXT", "PLAIN") | PASSWORD, "test").authenticates
