"""Reads log files: their last lines, and what is added to them from now on."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from malipo_local.waiting import until

_POLL_SECONDS = 0.2
_LONGEST_LINE_BYTES = 16 * 1024  # a traceback is one line of JSON

type Line = tuple[str, str]


def last_lines(files: Mapping[str, Path], count: int) -> Iterator[Line]:
    """The last lines of each file, with the file's name."""
    for name, path in files.items():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - count * _LONGEST_LINE_BYTES))
            for line in file.read().decode(errors="replace").splitlines()[-count:]:
                yield name, line


def follow(files: Mapping[str, Path]) -> Iterator[Line]:
    """Every line that is written from now on, for ever."""
    positions = {name: path.stat().st_size for name, path in files.items()}
    while until(lambda: _grown(files, positions), math.inf, _POLL_SECONDS):
        for name, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < positions[name]:  # it was rotated
                positions[name] = 0
            if size > positions[name]:
                lines, positions[name] = _read_from(path, positions[name])
                yield from ((name, line) for line in lines)


def _grown(files: Mapping[str, Path], positions: Mapping[str, int]) -> bool:
    return any(path.exists() and path.stat().st_size != positions[name] for name, path in files.items())


def _read_from(path: Path, position: int) -> tuple[list[str], int]:
    with path.open("rb") as file:
        file.seek(position)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]  # half a line is left for the next time
    return whole.decode(errors="replace").splitlines(), position + len(whole)
