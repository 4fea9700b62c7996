"""How the M-Pesa simulator is started."""

import secrets
from typing import Annotated

import typer

from malipo_simulators.kit.options import Host, Port, PublicUrl, Seed, WebhookTimeout
from malipo_simulators.kit.server import serve_app
from malipo_simulators.mpesa.app import create_mpesa_app
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.faults import PullQuirk
from malipo_simulators.mpesa.initiators.certificate import CERTIFICATE
from malipo_simulators.mpesa.settings import ANY_TIME_ZONE_SECONDS, SANDBOX_PASSKEY, MpesaSettings

PORT = 12113
"""Where it listens unless told otherwise: no other simulator's."""

Passkey = Annotated[str, typer.Option(help="Of every shortcode that has none of its own.")]
Strict = Annotated[bool, typer.Option("--strict", help="As production: callback URLs must be https, and public.")]
KeepOldTokens = Annotated[bool, typer.Option("--keep-old-tokens", help="A new token does not kill the app's last.")]
Answer = Annotated[
    Ending | None,
    typer.Option(envvar="MPESA_ANSWER", help="What customers do that no script or test number decides about."),
]
RepeatRule = Annotated[
    bool, typer.Option("--repeat-rule", help="The same amount of the same customer within two minutes: result code 17.")
]
AnswerSeconds = Annotated[float, typer.Option(help="How long customers take who need no phone page.")]
Tolerance = Annotated[int, typer.Option(help="How far a Timestamp may be from East Africa Time, in seconds.")]
SpikeArrest = Annotated[int | None, typer.Option(help="How many requests an app may make in a second.")]
PartialReversals = Annotated[
    bool, typer.Option("--partial-reversals", help="Parts of a payment can be reversed, too, until all of it has.")
]
TrustInitiators = Annotated[
    bool, typer.Option("--trust-initiators", help="Any SecurityCredential will do, also one made for Safaricom.")
]
PromptConfirmations = Annotated[
    bool, typer.Option(help="Tell a prompt's payment to a PayBill also as a payment by hand.")
]
PullLag = Annotated[float, typer.Option(help="How long after a payment its row can be pulled.")]
PullQuirks = Annotated[
    list[PullQuirk] | None, typer.Option("--pull-quirk", help="How Pull Transactions answers; may be given again.")
]
PrintCertificate = Annotated[
    bool, typer.Option("--print-certificate", help="Print the certificate for SecurityCredential, and end.")
]
REPEAT_RULE_SECONDS = 120


def run(
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    seed: Seed = None,
    public_url: PublicUrl = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    passkey: Passkey = SANDBOX_PASSKEY,
    strict: Strict = False,
    keep_old_tokens: KeepOldTokens = False,
    answer: Answer = None,
    answer_seconds: AnswerSeconds = 1,
    timestamp_tolerance_seconds: Tolerance = ANY_TIME_ZONE_SECONDS,
    spike_arrest: SpikeArrest = None,
    repeat_rule: RepeatRule = False,
    partial_reversals: PartialReversals = False,
    trust_initiators: TrustInitiators = False,
    prompt_confirmations: PromptConfirmations = True,
    pull_lag_seconds: PullLag = 0,
    pull_quirk: PullQuirks = None,
    print_certificate: PrintCertificate = False,
) -> None:
    """Stand-in for sandbox.safaricom.co.ke: point a client's base URL at it and use any consumer key and secret.

    Control routes start with /_sim and are described at /docs on the same port: the book of what really happened to
    money (/_sim/book), requests received (/_sim/requests), scripted faults (/_sim/faults), the customers' phones
    (/_sim/phone), the clock, reset. One request can carry its own fault in the header X-Sim-Fault.
    """
    if print_certificate:
        typer.echo(CERTIFICATE, nl=False)
        return
    settings = MpesaSettings(
        seed=seed or secrets.token_hex(8),
        public_url=public_url,
        webhook_timeout_seconds=webhook_timeout_seconds,
        passkey=passkey,
        strict=strict,
        keep_old_tokens=keep_old_tokens,
        answer=answer,
        answer_seconds=answer_seconds,
        timestamp_tolerance_seconds=timestamp_tolerance_seconds,
        spike_arrest_per_second=spike_arrest,
        repeat_rule_seconds=REPEAT_RULE_SECONDS if repeat_rule else 0,
        partial_reversals=partial_reversals,
        trust_initiators=trust_initiators,
        confirm_prompts=prompt_confirmations,
        pull_lag_seconds=pull_lag_seconds,
        pull_quirks=frozenset(pull_quirk or ()),
    )
    serve_app(create_mpesa_app(settings), host=host, port=port, note=f"mpesa simulator, seed {settings.seed}")
