"""How the simulator of the partner bank is started."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.certificates import NAMES, Certificates
from malipo_simulators.bank.settings import BankSettings, webhook_pauses
from malipo_simulators.kit.options import Host, Port, PublicUrl, Seed, WebhookRetries, WebhookTimeout, read_pauses
from malipo_simulators.kit.server import serve_app
from malipo_simulators.kit.tls.listening import listen_securely

PORT = 12115
"""Where it listens unless told otherwise: no other simulator's."""
TLS_PORT = 12415
"""Where it listens with TLS in a container; else nowhere, unless told otherwise."""

BeginSeconds = Annotated[float, typer.Option(help="How long a payment is initiated, if its rail is open.")]
ReturnAnswerSeconds = Annotated[float, typer.Option(help="How long another bank takes to answer a return request.")]
DaySeconds = Annotated[
    float | None,
    typer.Option(
        envvar="BANK_SIM_DAY_SECONDS",
        help="How long a day lasts, a banking day too; every rail is open at any time then. Left out: the real calendar.",
    ),
]
Customers = Annotated[
    str,
    typer.Option(envvar="BANK_SIM_CUSTOMERS", help="Who there is, with commas; left out, whoever comes is a customer."),
]
TlsPort = Annotated[
    int | None,
    typer.Option(
        envvar="BANK_SIM_TLS_PORT", help="One more port, with TLS, for client certificates; 0: the system chooses."
    ),
]
TlsNames = Annotated[
    str,
    typer.Option(
        envvar="BANK_SIM_TLS_NAMES", help="Host names and addresses that its certificate is for, with commas."
    ),
]
AuthorityFile = Annotated[
    Path | None,
    typer.Option(
        envvar="BANK_SIM_AUTHORITY_FILE",
        help="Where to write, in PEM, the authority that clients have to trust: another one at each start.",
    ),
]


def run(
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    seed: Seed = None,
    public_url: PublicUrl = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    webhook_retry_seconds: WebhookRetries = None,
    begin_seconds: BeginSeconds = 0.5,
    return_answer_seconds: ReturnAnswerSeconds = 5,
    day_seconds: DaySeconds = None,
    customers: Customers = "",
    tls_port: TlsPort = None,
    tls_names: TlsNames = NAMES,
    authority_file: AuthorityFile = None,
) -> None:
    """Stand-in for a partner bank: point a client's base URL at it. Its contract is at /openapi.json.

    Control routes start with /_sim and are described at /docs on the same port: the book of what really happened to
    money (/_sim/book), the desk where a person plays the bank (/_sim/desk), requests received (/_sim/requests), scripts
    (/_sim/scripts) and faults (/_sim/faults), the clock, reset. One request can carry its own fault in the header X-Sim-Fault.
    """
    settings = BankSettings(
        seed=seed or secrets.token_hex(8),
        public_url=public_url,
        webhook_timeout_seconds=webhook_timeout_seconds,
        webhook_retry_seconds=read_pauses(webhook_retry_seconds) if webhook_retry_seconds else webhook_pauses(),
        begin_seconds=begin_seconds,
        return_answer_seconds=return_answer_seconds,
        day_seconds=day_seconds,
        customers=frozenset(filter(None, customers.split(","))),
    )
    app = create_bank_app(settings)
    certificates: Certificates = app.state.world.certificates
    if authority_file is not None:
        authority_file.write_bytes(certificates.authority_pem)
    secure = None if tls_port is None else listen_securely(host, tls_port, certificates.context(tls_names))
    serve_app(app, host=host, port=port, note=f"bank simulator, seed {settings.seed}", secure=secure)
