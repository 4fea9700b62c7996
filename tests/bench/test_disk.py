"""The benchmark begins nothing for which the disk is too small."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("arguments", [["--scale", "1e9"], ["growth", "--payments", str(10**15)]])
def test_growth_is_refused_at_once_where_the_disk_is_too_small_for_it(arguments: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "GB of disk" in done.stdout
    assert "the stack is up" not in done.stdout
