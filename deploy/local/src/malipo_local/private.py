"""Files with secrets, which only this user may read."""

from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write the file anew; whatever its mode was, nobody else may read it before anything of that is in it."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)
