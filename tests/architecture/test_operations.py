"""docs/operations says what the code does."""

import base64
import os
import re
from pathlib import Path

import pytest

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
