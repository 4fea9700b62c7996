"""Secrets that are read from files, and what somebody reads whose file is of no use."""

import pytest

from malipo.platform import settings
from malipo.platform.environment import MAX_SECRET_BYTES, is_secret, variables
from malipo.platform.settings import EXIT_BAD_CONFIGURATION, KeyRingSettings
from testkit.in_production import KEY_RING, VARIABLES


@pytest.fixture
def load(monkeypatch, tmp_path):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    def load(content: bytes | None) -> KeyRingSettings:
        monkeypatch.delenv("KEY_RING", raising=False)
        monkeypatch.setenv("KEY_RING_FILE", str(tmp_path / "key-ring"))
        if content is not None:
            (tmp_path / "key-ring").write_bytes(content)
        return settings.load(KeyRingSettings)

    return load


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_be_in_a_file_whose_last_line_may_end(load, end):
    assert load((KEY_RING + end).encode()).key_ring.get_secret_value() == KEY_RING


def test_the_mark_that_windows_begins_a_text_with_is_no_part_of_the_secret(load):
    assert load(f"{KEY_RING}\r\n".encode("utf-8-sig")).key_ring.get_secret_value() == KEY_RING


@pytest.mark.parametrize(
    "content", [f"{KEY_RING}\n\n", f"{KEY_RING}\0", f"k0:\n{KEY_RING}", f"\t{KEY_RING}", f"# a-secret\r\n{KEY_RING}"]
)
def test_a_file_of_more_than_one_line_or_with_what_nobody_types_is_refused_and_not_shown(load, capsys, content):
    with pytest.raises(SystemExit) as stopped:
        load(content.encode())
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    said = capsys.readouterr().err
    assert said == "setting KEY_RING_FILE: the file has more than one line, or a control character in it\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "setting KEY_RING_FILE: the file cannot be read: No such file or directory\n"),
        (b"", "setting KEY_RING_FILE: the file is empty\n"),
        (b"\n", "setting KEY_RING_FILE: the file is empty\n"),
        (b"k1:" + b"a" * MAX_SECRET_BYTES, f"setting KEY_RING_FILE: the file has more than {MAX_SECRET_BYTES} bytes\n"),
        (b"\xff\xfe", "setting KEY_RING_FILE: the file is no text in UTF-8\n"),
        (b"a-secret", "setting KEY_RING: must be `id:base64,id:base64` with 32 bytes a key\n"),
    ],
)
def test_a_file_that_is_of_no_use_stops_the_service_with_its_name_alone(load, capsys, content, said):
    with pytest.raises(SystemExit) as stopped:
        load(content)
    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    assert capsys.readouterr().err == said


def test_a_folder_is_no_file(load, capsys, tmp_path):
    (tmp_path / "key-ring").mkdir()
    with pytest.raises(SystemExit):
        load(None)
    assert capsys.readouterr().err == "setting KEY_RING_FILE: the file cannot be read: Is a directory\n"


def test_a_secret_in_a_file_and_beside_it_is_refused(load, capsys, monkeypatch):
    load(KEY_RING.encode())
    monkeypatch.setenv("KEY_RING", KEY_RING)
    with pytest.raises(SystemExit):
        settings.load(KeyRingSettings)
    assert capsys.readouterr().err == "setting KEY_RING_FILE: must not be set together with KEY_RING\n"


def test_an_empty_variable_beside_a_file_or_for_one_is_as_good_as_none(load, monkeypatch):
    load(KEY_RING.encode())
    monkeypatch.setenv("KEY_RING", "")
    assert settings.load(KeyRingSettings).key_ring.get_secret_value() == KEY_RING
    monkeypatch.setenv("KEY_RING", KEY_RING)
    monkeypatch.setenv("KEY_RING_FILE", "")
    assert settings.load(KeyRingSettings).key_ring.get_secret_value() == KEY_RING


def test_every_secret_has_a_file_and_no_other_setting_has_its_name():
    fields = KeyRingSettings.model_fields
    files = {f"{name}_file" for name, field in fields.items() if is_secret(field)}
    assert {"database_url_file", "key_ring_file", "kafka_password_file"} <= files
    assert not files & set(fields)
    assert {name.upper() for name in files | set(fields)} == set(variables(KeyRingSettings))
