"""Describes the machine that figures were measured on."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import psutil

from bench import gauge
from bench.system import Settings, System


def hardware() -> dict[str, str]:
    """Name and value of what figures depend on and no setting changes."""
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, {gauge.interpreter()}",
        "speed": f"{gauge.loop_ms():.1f} ms: {gauge.WHAT}",
    }


def describe(system: System, settings: Settings) -> dict[str, str]:
    """Name and value of everything that figures depend on."""
    return hardware() | {
        "PostgreSQL": ", ".join(f"{name} {_shown(system, name)}" for name in _POSTGRES),
        "Kafka's Java": settings.get("kafka", {}).get("JVM_OPTIONS", "first compiler only (the local stack's default)"),
    }


_POSTGRES = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


def _shown(system: System, name: str) -> str:
    [row] = system.rows("gateway", "SELECT current_setting($1) AS value", name)
    return str(row["value"])


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or "unknown"
