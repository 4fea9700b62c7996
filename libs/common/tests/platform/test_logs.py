"""What a process writes to its log: JSON, one object a line, without secrets, whoever wrote it, and whatever becomes of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"  # gitleaks:allow
CARD = "4242 4242 4242 4242"
BEGIN = """
import logging
from malipo.platform import logs
from malipo.platform.logs import log
logs.setup("gateway", "INFO")
"""


@pytest.fixture
def written(tmp_path):
    """The lines that a process writes which sets its log up and then runs these statements."""

    def run(*statements: str, stdout: str | None = None) -> list[dict[str, object]]:
        script = "\n".join((BEGIN, *statements))
        output = Path(stdout or tmp_path / "log")
        with output.open("wb") as file:
            subprocess.run([sys.executable, "-c", script], stdout=file, check=True, timeout=60)
        return [] if stdout else [json.loads(line) for line in output.read_bytes().splitlines()]

    return run


def test_a_line_shows_what_it_is_about_and_where_and_when_it_was_written(written):
    (line,) = written(
        'logs.bind_payment("pay_1", {"client-ref": "order-7"})', 'log.info("webhook attempted", attempt=1, error=None)'
    )
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "webhook attempted", "attempt": 1, "error": None, "level": "info", "service": "gateway",
        "payment_id": "pay_1", "client_ref": "order-7",
    }  # fmt: skip


def test_no_line_shows_a_secret_in_its_fields_its_text_or_its_error(written):
    lines = written(
        f'for _ in range(2): log.info("paid by {CARD}", route="/v1/{SECRET}", note="{SECRET}", seen=["{CARD}"], token="x")',
        f'try: raise ValueError("{SECRET}")\nexcept ValueError: log.exception("failed")',
        f'logging.getLogger("library").warning("%s", "{SECRET} {CARD}")',
        f'log.error("gone", card={CARD.replace(" ", "")})',
    )
    assert [line["event"] for line in lines] == ["paid by [redacted]"] * 2 + [
        "failed", "[redacted] [redacted]", "gone",
    ]  # fmt: skip
    text = json.dumps(lines)
    assert SECRET not in text
    assert CARD not in text
    assert CARD.replace(" ", "") not in text
    assert {line["token"] for line in lines[:2]} == {"[redacted]"}


def test_a_line_below_the_level_is_not_written(written):
    assert written('log.debug("small")', 'logging.getLogger("library").debug("small")') == []


def test_any_value_becomes_a_line(written):
    first, second, third = written(
        'log.info("object", payment_id=object, error=ValueError("broken"), at=b"bytes")',
        'log.info("half", text="\\udc80", name="\u00fc")',
        'log.warning("number", ratio=float("inf"))',
    )
    assert (first["payment_id"], first["error"]) == ("<class 'object'>", "ValueError('broken')")
    assert (second["text"], second["name"]) == ("\udc80", "\u00fc")
    assert third["level"] == "warning"


def test_what_takes_no_lines_fails_nothing(written):
    assert (
        written('log.info("to a full disk")', 'log.error("again")', "import os; os._exit(0)", stdout="/dev/full") == []
    )
