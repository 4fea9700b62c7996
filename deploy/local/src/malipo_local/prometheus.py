"""Runs Prometheus beside the stack: the `prometheus` of the PATH, else the one that is built from its Go module, without its pages.

It reads every replica's admin port, and has the alerts of deploy/observability/rules.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from malipo_local import probe
from malipo_local.go_tools import PROMETHEUS
from malipo_local.ports import HOST
from malipo_local.process import Command
from malipo_local.services import PROMETHEUS_NAME, Kind
from malipo_local.site import Site

RULES = Path(__file__).parents[3] / "observability/rules"
_EVERY = "5s"


class Prometheus:
    """One server, with its data in the home."""

    def __init__(self, site: Site) -> None:
        """Keep the data in the home."""
        self._site = site
        self._folder = site.home.folder / PROMETHEUS_NAME

    async def prepare(self) -> None:
        """Write where each replica is; the format is JSON, which YAML contains."""
        self._folder.mkdir(exist_ok=True)
        self._configuration.write_text(json.dumps(configuration(self._site), indent=2))

    def command(self) -> Command:
        """The server; it is there already, for `Stack.start` has seen to that."""
        options = {
            "config.file": self._configuration,
            "storage.tsdb.path": self._folder / "data",
            "storage.tsdb.retention.time": "7d",
            "web.listen-address": f"{HOST}:{self._site.port(PROMETHEUS_NAME)}",
            "enable-feature": "exemplar-storage",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return Command(argv=[executable(), *arguments], log=self._site.home.log(PROMETHEUS_NAME))

    async def is_ready(self) -> bool:
        """It has read its data and its rules."""
        return await probe.http_answers(self._site.port(PROMETHEUS_NAME), "/-/ready")

    @property
    def port_keys(self) -> list[str]:
        """One port."""
        return [f"{PROMETHEUS_NAME}-0"]

    @property
    def _configuration(self) -> Path:
        return self._folder / "prometheus.json"


def configuration(site: Site) -> Mapping[str, Any]:
    """What deploy/observability/prometheus.yaml is in compose, with the addresses of this stack."""
    services = [row.name for row in site.plan.rows() if row.kind is Kind.SERVICE]
    places = {name: [url.removeprefix("http://") for url in site.admin_urls(name)] for name in services}
    targets = [{"targets": found, "labels": {"service": name}} for name, found in places.items()]
    return {
        "global": {"scrape_interval": _EVERY, "evaluation_interval": _EVERY},
        "rule_files": [str(RULES / "*.yaml")],
        "scrape_configs": [{"job_name": "malipo", "static_configs": targets}],
    }


def executable() -> str:
    """The program to run; builds it the first time, if there is none. Raises StartError."""
    return shutil.which(PROMETHEUS_NAME) or str(PROMETHEUS.built())


def is_there() -> bool:
    """Whether it need not be built."""
    return shutil.which(PROMETHEUS_NAME) is not None or PROMETHEUS.path.exists()
