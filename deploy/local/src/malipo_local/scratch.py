"""Where data that is thrown away is kept: in memory where there is room for it, else among the temporary files."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")  # noqa: S108 - each name in it is random
_ROOM_BYTES = 6 * 1024**3


def folder() -> Path:
    """`TMPDIR`, if it is set; else memory, where a database is made in a tenth of the time that a disk takes."""
    if "TMPDIR" not in os.environ and _has_room():
        return _MEMORY
    return Path(tempfile.gettempdir())


def _has_room() -> bool:
    """A container has 64 MB there, as a rule; and some machines let no program be run from it."""
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC or not os.access(_MEMORY, os.W_OK):
        return False
    return min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) >= _ROOM_BYTES
