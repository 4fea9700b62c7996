"""Detects whether the files that decide what a step does have changed, without importing them."""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def fingerprint(sources: Iterable[str], settings: Mapping[str, str]) -> str:
    """A digest of the files that the patterns name (`package/folder/**/*`), as Python would find them."""
    places = [place for place in (*settings.get("PYTHONPATH", "").split(":"), *sys.path) if place]
    digest = hashlib.sha256()
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
