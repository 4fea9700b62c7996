"""Detects whether what decides what a step does has changed: files, without importing them, and what it is told."""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def fingerprint(sources: Iterable[str], python_path: str, told: Mapping[str, str]) -> str:
    """A digest of the files that the patterns name (`package/folder/**/*`), as Python would find them, and of what is told."""
    places = [place for place in (*python_path.split(":"), *sys.path) if place]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for pattern in sources:
        package, _, inside = pattern.partition("/")
        for name, path in _find(package, inside, places):
            digest.update(f"{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def _find(package: str, inside: str, places: Iterable[str]) -> list[tuple[str, Path]]:
    folder = next((Path(place) / package for place in places if (Path(place) / package).is_dir()), None)
    if folder is None:
        return []
    files = (path for path in sorted(folder.glob(inside)) if path.is_file() and path.suffix != ".pyc")
    return [(f"{package}/{path.relative_to(folder)}", path) for path in files]
