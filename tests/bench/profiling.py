"""Samples one service under load with py-spy and names the functions that its processor time goes to."""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SHOWN = 40
_PY_SPY = Path(sys.executable).with_name("py-spy")


def record(pid: int, seconds: float) -> str:
    """Sample a process for a while; returns stacks, one a line, outermost first, each with its count."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stacks"
        command = [_PY_SPY, "record", "--pid", str(pid), "--duration", str(round(seconds)), "--rate", "200"]
        subprocess.run([*command, "--format", "raw", "--output", str(path)], check=True, capture_output=True)
        return path.read_text()


def hottest(stacks: str) -> list[tuple[str, float, float]]:
    """The functions in which most samples were taken: name, share of samples in it alone, share in it and below it."""
    own, below = Counter[str](), Counter[str]()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [frame.rpartition(":")[0] or frame for frame in frames.split(";")]
        own[names[-1]] += int(count)
        below.update(dict.fromkeys(names, int(count)))
    total = own.total() or 1
    return [(name, count / total, below[name] / total) for name, count in own.most_common(SHOWN)]
