"""docs/operations says what the code does."""

import base64
import os
import re
from pathlib import Path

import pytest
import yaml

from gateway.settings import Settings
from malipo.platform import settings
from malipo.platform.environment import variables
from malipo_local.authority import Authority
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


def test_the_environment_that_the_guide_gives_a_gateway_in_production_is_one_that_it_starts_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "tls").certificate
    secrets = {
        "database-url": f"postgresql://gateway:word@db.example/gateway?sslmode=verify-full&sslrootcert={authority}",
        "redis-url": f"rediss://gateway:word@redis.example:6379/0?ssl_ca_certs={authority}",
        "key-ring": f"k1:{base64.b64encode(os.urandom(32)).decode()}",
        "kafka-password": "word",
    }
    for name, secret in secrets.items():
        (tmp_path / name).write_text(f"{secret}\n")
    for name, value in example().items():
        here = value.replace("/run/secrets", str(tmp_path)).replace("/etc/malipo/kafka-ca.pem", str(authority))
        monkeypatch.setenv(name, here)
    assert example().keys() <= set(variables(Settings))
    assert settings.load(Settings).in_production


def example() -> dict[str, str]:
    """As one service's environment stands in the guide."""
    (block,) = re.findall(r"```shell\n(ENVIRONMENT=.*?)```", (GUIDES / "releases.md").read_text("utf-8"), re.DOTALL)
    return dict(line.split("=", 1) for line in block.splitlines())


RULES = sorted((ROOT / "deploy/observability").glob("rules/*.yaml"))
LINK = re.compile(r"\]\(([^)#\s]*\.md)?(?:#([\w-]+))?\)")


def test_every_page_is_in_the_index() -> None:
    index = (GUIDES / "README.md").read_text("utf-8")
    missing = [page.name for page in GUIDES.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index]
    assert missing == []
    runbooks = (GUIDES / "runbooks/README.md").read_text("utf-8")
    books = [page.name for page in GUIDES.glob("runbooks/*.md") if page.name != "README.md"]
    assert [name for name in books if f"({name})" not in runbooks] == []


@pytest.mark.skipif(not RULES, reason="there are no alert rules in deploy/observability/rules")
def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts == {page.stem for page in GUIDES.glob("runbooks/Malipo*.md")}


@pytest.mark.parametrize("page", sorted(GUIDES.rglob("*.md")), ids=lambda page: page.name)
def test_every_link_to_a_section_leads_to_one(page: Path) -> None:
    found = [(target, anchor) for target, anchor in LINK.findall(page.read_text("utf-8")) if anchor]
    wrong = [
        f"{target}#{anchor}"
        for target, anchor in found
        if anchor not in anchors((page.parent / target).resolve() if target else page)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", sorted(GUIDES.glob("runbooks/Malipo*.md")), ids=lambda page: page.stem)
def test_every_runbook_says_what_you_see_what_it_means_what_to_do_and_when_it_is_over(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}\n")
    parts = ("**What you see.**", "**What it means.**", "## What to do", "**You know that it is over** when")
    assert [part for part in parts if part not in text] == []


def anchors(page: Path) -> set[str]:
    """How the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
