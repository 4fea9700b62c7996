"""docker-compose.yml and the table of the local stack, as tests compare them."""

import re
from pathlib import Path
from typing import Any

import yaml

from malipo_local.services import SERVICES, Kind

ROOT = Path(__file__).parents[2]
WRITTEN = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", WRITTEN))
"""As it is when nothing is set in the environment."""
EVERYTHING: dict[str, Any] = COMPOSE["services"]
OBSERVERS = {name for name, container in EVERYTHING.items() if "profiles" in container}
CONTAINERS: dict[str, Any] = {name: container for name, container in EVERYTHING.items() if name not in OBSERVERS}

OUR_SERVICES = [row for row in SERVICES if row.kind is Kind.SERVICE]
SIMULATORS = [row for row in SERVICES if row.kind is Kind.SIMULATOR]
STORES = [row for row in SERVICES if row.kind is Kind.STORE]
