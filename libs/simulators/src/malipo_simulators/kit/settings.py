"""The settings that every simulator of a provider has."""

from dataclasses import dataclass, field


def default_retry_seconds() -> tuple[float, ...]:
    """Quick at first, then every 10 s for ten minutes: a receiver killed and restarted still gets its events."""
    return (0.2, 1.0, 3.0, *([10.0] * 60))


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A simulator adds its own below. Limits are written here so that no list grows with time alone.

    `public_url` is the base of pages for customers, where browsers reach us under another name. A provider that sends
    its callbacks once only has no `webhook_retry_seconds`.
    """

    seed: str = "malipo"
    public_url: str | None = None
    webhook_timeout_seconds: float = 10
    # Real services send a webhook some time after their response; a little delay keeps the usual order.
    webhook_delay_seconds: float = 0.05
    webhook_retry_seconds: tuple[float, ...] = field(default_factory=default_retry_seconds)
    webhook_workers_per_endpoint: int = 16
    max_pending_deliveries: int = 50_000
    max_requests_logged: int = 20_000
    max_accounts: int = 10_000
    max_fault_rules: int = 1_000
    max_body_bytes: int = 1_000_000
