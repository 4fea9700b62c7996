"""docs/operations says what the code does."""

import re
from pathlib import Path

from malipo.messaging import pool
from malipo_local.services import SERVICES, Kind

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs/operations"

CHECK = re.compile(r'\b(?:require|warn|show)\("(\w+)", |problems \|= \{"(\w+)":')


def test_every_check_of_readiness_is_explained() -> None:
    sources = [ROOT / "libs/common/src", ROOT / "libs/provider-kit/src"]
    sources += [ROOT / f"services/{row.name}/src" for row in SERVICES if row.kind is Kind.SERVICE]
    texts = [path.read_text("utf-8") for source in sources for path in source.rglob("*.py")]
    checks = {name for text in texts for pair in CHECK.findall(text) for name in pair if name}
    explained = re.findall(r"^\| `(\w+)` \|", (GUIDES / "releases.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(checks)


def test_a_pooler_of_postgresql_is_told_every_parameter_that_a_session_begins_with() -> None:
    (listed,) = re.findall(r"`ignore_startup_parameters =([^`]*)`", (GUIDES / "stores.md").read_text("utf-8"))
    of_a_relay = {"idle_session_timeout", "synchronous_commit"}
    assert {name.strip() for name in listed.split(",")} == pool._SERVER_SETTINGS.keys() | of_a_relay
