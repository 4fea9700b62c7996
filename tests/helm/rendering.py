"""What Helm's engine makes of the chart with some values."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from helm.tools import ROOT, tool

CHART = ROOT / "deploy/helm/malipo"
RELEASE, NAMESPACE = "shop", "payments"
_SETS = Path(__file__).parent / "sets"

type Object = dict[str, Any]
"""One Kubernetes object."""
type Values = Mapping[str, Any]


class Rendered(NamedTuple):
    """What came of one set of values: manifests and notes, or why there are none."""

    manifests: str
    notes: str
    refused: str

    @property
    def objects(self) -> list[Object]:
        """Each object of the manifests."""
        assert not self.refused, self.refused
        return objects(self.manifests)


def render(sets: Sequence[Values], folder: Path) -> list[Rendered]:
    """All of these; the files of values are left in the folder. Raises `NoGo`."""
    paths = [folder / f"{number}.yaml" for number in range(len(sets))]
    for path, values in zip(paths, sets, strict=True):
        path.write_text(yaml.safe_dump(dict(values)))
    command = [tool("render"), RELEASE, NAMESPACE, CHART, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Rendered(**json.loads(line)) for line in done.stdout.splitlines()]


def objects(manifests: str) -> list[Object]:
    """Each object of the manifests."""
    return [found for found in yaml.load_all(manifests, yaml.CSafeLoader) if found]


def base() -> Values:
    """What is under every set."""
    return _read("base")


def accepted() -> dict[str, Values]:
    """Sets that are accepted, whole, by what is particular about them."""
    return {name: merged(base(), above) for name, above in _read("accepted").items()}


def refused() -> dict[str, tuple[Values, str]]:
    """Sets that are refused, and what is said of each."""
    return {name: (merged(base(), one["with"]), one["says"]) for name, one in _read("refused").items()}


def merged(below: Values, above: Values) -> dict[str, Any]:
    """Values over values, as Helm merges them: maps key by key, everything else whole."""
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        nested = isinstance(value, Mapping) and isinstance(under, Mapping)
        both[key] = merged(cast("Values", under), cast("Values", value)) if nested else value
    return both


def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((_SETS / f"{name}.yaml").read_text("utf-8"))
