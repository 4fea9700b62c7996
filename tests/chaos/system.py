"""The system under test: every real part on this machine, set up so that a run of hundreds of kills stays short."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.crossings import Plans
from malipo_local import Stack, scratch
from malipo_local.services import Kind, names

SERVICES = names(Kind.SERVICE)
STORES = names(Kind.STORE)
_EVERY_SERVICE = {"LEASE_SECONDS": "1.5"}
_OWN = {
    "gateway": {"RATE_LIMIT_PER_SECOND": "10000", "RATE_LIMIT_BURST": "10000"},
    "provider-bank": {"BANK_STATEMENT_SECONDS": "86400"},
    "provider-mpesa": {"MPESA_STATEMENT_SECONDS": "3600", "MPESA_STATEMENT_QUERIES_PER_MINUTE": "600"},
    "provider-paypal": {"PAYPAL_REAUTHORIZE_SECONDS": "1"},
    "provider-stripe": {"STRIPE_STATEMENT_SECONDS": "0"},
    "webhook-dispatcher": {"RETRY_SCHEDULE_SECONDS": ",".join(["0.3"] * 10 + ["1"] * 20)},
}

_SOON_AGAIN = ",".join(["0.5"] * 120)


@dataclass(frozen=True)
class System:
    """A running stack and the plans that its services follow."""

    stack: Stack
    plans: Plans


@contextmanager
def running(
    *,
    replicas: int = 1,
    failpoints: bool = True,
    overrides: Mapping[str, Mapping[str, str]] | None = None,
) -> Generator[System]:
    """A system of its own while the block lasts, with `replicas` of every service."""
    with tempfile.TemporaryDirectory(prefix="malipo-chaos-", dir=scratch.folder()) as name:
        folder = Path(name)
        points = folder / "failpoints"
        points.mkdir()
        settings = {service: _settings(service, points if failpoints else None) for service in SERVICES}
        settings["stripe-sim"] = {"WEBHOOK_RETRY_SECONDS": _SOON_AGAIN}
        settings["paypal-sim"] = {"WEBHOOK_RETRY_SECONDS": _SOON_AGAIN, "PAYPAL_HONOR_SECONDS": "0"}
        settings["bank-sim"] = {"WEBHOOK_RETRY_SECONDS": _SOON_AGAIN, "BANK_SIM_DAY_SECONDS": "1"}
        for service, more in (overrides or {}).items():
            settings[service] = settings.get(service, {}) | dict(more)
        with Stack(
            folder / "stack", settings=settings, replicas=dict.fromkeys(SERVICES, replicas), forked=True
        ) as stack:
            yield System(stack, Plans(points))


def _settings(service: str, points: Path | None) -> dict[str, str]:
    return {
        **_EVERY_SERVICE,
        **_OWN.get(service, {}),
        **({"FAILPOINTS": str(points)} if points else {}),
    }
