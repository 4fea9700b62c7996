"""How the simulator of Partner bank is started."""

import secrets

from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.kit.options import Host, Port, PublicUrl, Seed, WebhookRetries, WebhookTimeout, read_pauses
from malipo_simulators.kit.server import serve_app

PORT = 12115
"""Where it listens unless told otherwise: no other simulator's."""


def run(
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    seed: Seed = None,
    public_url: PublicUrl = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    webhook_retry_seconds: WebhookRetries = None,
) -> None:
    """Stand-in for the API of Partner bank: point a client's base URL at it.

    Control routes start with /_sim and are described at /docs on the same port: requests received (/_sim/requests),
    scripted faults (/_sim/faults), the clock, reset. One request can carry its own fault in the header X-Sim-Fault.
    """
    settings = BankSettings(
        seed=seed or secrets.token_hex(8),
        public_url=public_url,
        webhook_timeout_seconds=webhook_timeout_seconds,
        webhook_retry_seconds=read_pauses(webhook_retry_seconds),
    )
    serve_app(create_bank_app(settings), host=host, port=port, note=f"bank simulator, seed {settings.seed}")
