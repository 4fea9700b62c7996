"""What is known of a stack's processes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitStatus:
    """What the supervisor reports about one process."""

    name: str
    service: str
    kind: str
    state: str
    pid: int | None
    port: int | None
    admin_port: int | None
    restarts: int
    seconds: float
    memory_mb: float
