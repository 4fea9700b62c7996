"""How the simulator of PayPal is started."""

import secrets
from typing import Annotated

import typer

from malipo_simulators.kit.options import Host, Port, PublicUrl, Seed, WebhookRetries, WebhookTimeout, read_pauses
from malipo_simulators.kit.server import serve_app
from malipo_simulators.paypal.app import create_paypal_app
from malipo_simulators.paypal.settings import DAY_SECONDS, Approve, PaypalSettings, webhook_pauses
from malipo_simulators.paypal.webhooks.certificates import ROOT

PORT = 12114
"""Where it listens unless told otherwise: no other simulator's."""

ApproveBy = Annotated[
    Approve,
    typer.Option(envvar="PAYPAL_APPROVE", help="Which payers approve by themselves, of those that have no script."),
]
ApproveSeconds = Annotated[float, typer.Option(help="How long payers take who need no page.")]
PendingSeconds = Annotated[float, typer.Option(help="How long what is pending stays so.")]
ReportLag = Annotated[int, typer.Option(help="How long transactions take to be reported; at PayPal up to 10800.")]
ReceiversUrl = Annotated[
    str | None,
    typer.Option(help="Base of certificates' addresses, when webhooks' receivers reach us under another name."),
]
PrintRoot = Annotated[
    bool, typer.Option("--print-root", help="Print the root that webhooks' certificates lead to, and stop.")
]
HonorSeconds = Annotated[
    int,
    typer.Option(envvar="PAYPAL_HONOR_SECONDS", help="For how long an authorization cannot be reauthorized."),
]
UniqueInvoices = Annotated[bool, typer.Option(help="Whether an invoice id can be paid once only.")]


def run(
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    seed: Seed = None,
    public_url: PublicUrl = None,
    receivers_url: ReceiversUrl = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    webhook_retry_seconds: WebhookRetries = None,
    approve: ApproveBy = Approve.NONE,
    approve_seconds: ApproveSeconds = 1,
    pending_seconds: PendingSeconds = 5,
    honor_seconds: HonorSeconds = 3 * DAY_SECONDS,
    unique_invoices: UniqueInvoices = True,
    report_lag_seconds: ReportLag = 0,
    print_root: PrintRoot = False,
) -> None:
    """Stand-in for api-m.paypal.com: point a client's base URL at it and use any client id and secret.

    Control routes start with /_sim and are described at /docs on the same port: the book of what really happened to
    money (/_sim/book), requests received (/_sim/requests), payers (/_sim/orders, /_sim/scripts), scripted faults
    (/_sim/faults), the clock, reset. One request can carry its own fault in the header X-Sim-Fault.
    """
    if print_root:
        typer.echo(ROOT.decode(), nl=False)
        return
    settings = PaypalSettings(
        seed=seed or secrets.token_hex(8),
        public_url=public_url,
        receivers_url=receivers_url,
        webhook_timeout_seconds=webhook_timeout_seconds,
        webhook_retry_seconds=read_pauses(webhook_retry_seconds) if webhook_retry_seconds else webhook_pauses(),
        approve=approve,
        approve_seconds=approve_seconds,
        pending_seconds=pending_seconds,
        honor_seconds=honor_seconds,
        unique_invoices=unique_invoices,
        report_lag_seconds=report_lag_seconds,
    )
    serve_app(create_paypal_app(settings), host=host, port=port, note=f"paypal simulator, seed {settings.seed}")
