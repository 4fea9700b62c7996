"""When each alert fires, and what is nearly that: series in promtool's notation, one value a minute."""

from collections.abc import Mapping
from typing import NamedTuple


class Case(NamedTuple):
    """What is scraped, and what is told at a minute: the labels of the one alert that fires, or None."""

    series: Mapping[str, str]
    minute: int
    labels: Mapping[str, str] | None


def fires(minute: int, series: Mapping[str, str], **labels: str) -> Case:
    """At this minute it fires, with these labels beside its severity."""
    return Case(series, minute, labels)


def quiet(minute: int, series: Mapping[str, str]) -> Case:
    """At this minute it does not."""
    return Case(series, minute, None)


def _of(metric: str, values: str, **labels: str) -> dict[str, str]:
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {f"{metric}{{{inner}}}": values}


def _above(metric: str, above: str, below: str, minute: int, **labels: str) -> list[Case]:
    """Of a gauge of all replicas: two of them show it, as it would be and as it nearly would be."""
    shown = [labels | {"instance": f"{replica}:9000"} for replica in ("one", "two")]
    over, under = (
        {key: value for one in shown for key, value in _of(metric, values, **one).items()} for values in (above, below)
    )
    return [fires(minute, over, **labels), quiet(minute, under)]


def _health(check: str, minute: int, also: Mapping[str, str] | None = None, service: str = "gateway") -> list[Case]:
    ill = _of("malipo_health_problems", "1x60", service=service, check=check)
    well = dict.fromkeys(ill, "0x60") | _of("malipo_health_problems", "1x60", service=service, check="stopping")
    return [
        fires(minute, ill, service=service, **(also or {})),
        quiet(minute, well),
        quiet(minute - 1 if minute < 3 else 1, ill),
    ]


_IGNORED, _UNMATCHED = "malipo_outcomes_ignored_total", "malipo_provider_unmatched_total"
_AGE, _WINDOW = "malipo_provider_statement_age_seconds", "malipo_provider_statement_window_seconds"
_MESSAGES, _LAG, _SENT_AGAIN = "malipo_messages_total", "malipo_consumer_lag_messages", "malipo_sent_again_total"
_POLLS, _DELETED = "malipo_polls_failed_total", "malipo_deleted_unread_messages_total"
_CALLS, _CALLBACKS, _CIRCUITS = (
    "malipo_provider_calls_total",
    "malipo_provider_callbacks_total",
    "malipo_provider_circuits",
)
_PAUSES, _EXPIRY = "malipo_provider_pauses_total", "malipo_bank_certificate_not_after_seconds"
_REQUESTS = "malipo_http_request_duration_seconds"
_READ = {"group": "orchestrator.payments", "topic": "payments.commands.v1"}
_LAGGING = {"service": "orchestrator", "topic": _READ["topic"]}
_UP = {"job": "malipo", "service": "gateway", "instance": "one:9000"}
_OTHER_UP = _UP | {"instance": "two:9000"}
_OTHERS_UP = {
    f'up{{job="malipo",service="{service}",instance="one:9000"}}': "1x500"
    for service in ("orchestrator", "webhook-dispatcher")
}


def _slow(within_five: int) -> dict[str, str]:
    """Of a hundred requests a minute, so many within five seconds."""
    buckets = {"2.5": 50, "5": within_five, "10": 100, "+Inf": 100}
    return {
        key: value
        for le, count in buckets.items()
        for key, value in _of(f"{_REQUESTS}_bucket", f"0+{count}x40", route="/v1/payments", le=le).items()
    }


def _answered(failed: int, status: str = "503") -> dict[str, str]:
    """A hundred requests a minute that are accepted, and so many that are not."""
    accepted = _of(f"{_REQUESTS}_count", "0+100x40", status="202", method="POST")
    return accepted | _of(f"{_REQUESTS}_count", f"0+{failed}x40", status=status, method="POST")


CASES: Mapping[str, list[Case]] = {
    # promise.yaml
    "MalipoContradiction": [
        fires(8, _of(_IGNORED, "0x5 1x30", reason="contradiction")),
        fires(300, _of(_IGNORED, "0x5 1x400", reason="contradiction")),
        quiet(8, _of(_IGNORED, "0x5 9x30", reason="repeat") | _of(_IGNORED, "3x30", reason="contradiction")),
    ],
    "MalipoDoubtLasts": _above("malipo_doubt_oldest_seconds", "3660x30", "3540x30", 10, subject="payment"),
    "MalipoDoubtOverdue": _above("malipo_doubt_oldest_seconds", "21660x30", "21540x30", 10, subject="refund"),
    "MalipoSuspenseOpen": [
        *_above("malipo_suspense_open", "1x40", "0x40", 20, provider="mpesa"),
        quiet(20, _of("malipo_suspense_open", "1x10 0x40", provider="mpesa")),
    ],
    "MalipoUnmatchedReport": [
        fires(
            300, _of(_UNMATCHED, "0x5 1x400", provider="stripe", concerns="ours"), provider="stripe", concerns="ours"
        ),
        quiet(8, _of(_UNMATCHED, "0x5 9x30", provider="stripe", concerns="others")),
    ],
    "MalipoStatementBehind": _above(_AGE, "86460x40", "86340x40", 20, provider="paypal"),
    "MalipoStatementRunsOut": [
        fires(
            10, _of(_AGE, "129660x30", provider="mpesa") | _of(_WINDOW, "172800x30", provider="mpesa"), provider="mpesa"
        ),
        quiet(
            10,
            _of(_AGE, "129540x30", provider="mpesa")
            | _of(_WINDOW, "172800x30", provider="mpesa")
            | _of(_AGE, "129660x30", provider="bank")
            | _of(_WINDOW, "1209600x30", provider="bank"),
        ),
    ],
    "MalipoStatementGap": [
        fires(300, _of("malipo_provider_statement_gaps_total", "0x5 1x400", provider="mpesa"), provider="mpesa"),
        quiet(8, _of("malipo_provider_statement_gaps_total", "1x30", provider="mpesa")),
    ],
    "MalipoBankStatementUnbalanced": [
        fires(8, _of("malipo_bank_statements_total", "0x5 1x30", result="unbalanced")),
        quiet(8, _of("malipo_bank_statements_total", "0x5 9x30", result="missing")),
    ],
    "MalipoCommandGivenUp": [
        fires(8, {"malipo_commands_given_up_total": "0x5 1x30"}),
        quiet(8, {"malipo_commands_given_up_total": "1x30"}),
    ],
    # flow.yaml
    "MalipoDeadLetter": [
        *(
            fires(
                minute,
                _of(_MESSAGES, "0x5 1x400", topic="payments.commands.v1", result="dead_lettered"),
                topic="payments.commands.v1",
            )
            for minute in (8, 300)
        ),
        quiet(
            8,
            _of(_MESSAGES, "2x30", topic="payments.commands.v1", result="dead_lettered")
            | _of(_MESSAGES, "0+50x30", topic="payments.commands.v1", result="ignored"),
        ),
    ],
    "MalipoPartitionRests": [
        fires(3, _of("malipo_partitions_resting", "1x10", **_READ), **_READ),
        quiet(3, _of("malipo_partitions_resting", "1x2 0x10", **_READ)),
    ],
    "MalipoOutboxStuck": _above("malipo_outbox_age_seconds", "31x20", "29x20", 5, service="gateway"),
    "MalipoRelayRefused": _health("relay", 8),
    "MalipoBatchesFail": [
        case for check in ("applying", "batches") for case in _health(check, 3, {"check": check}, "orchestrator")
    ],
    "MalipoLagNeverFalls": [
        fires(  # one message, while another replica flows on
            30,
            _of(_LAG, "0x5 1x40", **_LAGGING, instance="one:9000")
            | _of(
                _LAG, "3 1 4 0 5 2 6 1 0 3 7 2 5 1 3 2 4 1 5 2 6 1 3 2 5 1 4 2 3 1 2", **_LAGGING, instance="two:9000"
            ),
            **_LAGGING,
        ),
        fires(30, _of(_LAG, "0+100x40", **_LAGGING), **_LAGGING),
        quiet(30, _of(_LAG, "12 14 13 14 16 12 15 11 15 16 13 15 12 11x2 14 12 13 15 11x9 10 12 11", **_LAGGING)),
        quiet(30, _of(_LAG, "0x14 4x14 0x10", **_LAGGING)),
        quiet(4, _of(_LAG, "900x40", **_LAGGING)),  # it has just begun, behind what came while it was away
    ],
    "MalipoLagDoesNotFall": [
        fires(
            25,
            _of(_LAG, "0+100x40", service="orchestrator", topic=_READ["topic"], instance="one:9000")
            | _of(_LAG, "900x40", service="orchestrator", topic=_READ["topic"], instance="two:9000"),
            service="orchestrator",
            topic=_READ["topic"],
        ),
        fires(  # more each minute, but for some
            35,
            _of(
                _LAG,
                "900 1100 1000 1300 1200 1500 1400 1700 1600 1900 1800 2100 2000 2300 2200 2500 2400 2700 2600 "
                "2900 2800 3100 3000 3300 3200 3500 3400 3700 3600 3900 3800 4100 4000 4300 4200 4500",
                **_LAGGING,
            ),
            **_LAGGING,
        ),
        quiet(25, _of(_LAG, "9000-100x40", service="orchestrator", topic=_READ["topic"])),
        quiet(25, _of(_LAG, "400x40", service="orchestrator", topic=_READ["topic"])),
    ],
    "MalipoPollsFail": [
        fires(25, _of(_POLLS, "0+1x30", **_READ), **_READ),
        quiet(14, _of(_POLLS, "0x5 3x30", **_READ)),
    ],
    "MalipoDeletedUnread": [
        fires(8, _of(_DELETED, "0x5 12x30", **_READ), **_READ),
        quiet(8, _of(_DELETED, "12x30", **_READ)),
    ],
    "MalipoSentAgain": [
        fires(50, _of(_SENT_AGAIN, "0+1x60", topic=_READ["topic"]), topic=_READ["topic"]),
        quiet(30, _of(_SENT_AGAIN, "0x5 400x60", topic=_READ["topic"])),
    ],
    "MalipoDeliveriesOverdue": _above("malipo_webhook_oldest_due_seconds", "61x20", "59x20", 8),
    "MalipoEndpointFails": [
        *_above("malipo_webhook_overtaken_deliveries", "2x90", "0x90", 70),
        quiet(70, _of("malipo_webhook_overtaken_deliveries", "2x55 0x30")),
    ],
    "MalipoDeliveriesPostponed": [
        fires(
            8,
            _of("malipo_webhook_deliveries_postponed_total", "0x5 1x30", reason="unreadable_secret"),
            reason="unreadable_secret",
        ),
        quiet(8, _of("malipo_webhook_deliveries_postponed_total", "1x30", reason="unreadable_secret")),
    ],
    "MalipoEventsWait": [
        *_above("malipo_webhook_waiting_events", "1x30", "0x30", 15),
        quiet(15, _of("malipo_webhook_waiting_events", "5x8 0x30")),
    ],
    # providers.yaml
    "MalipoProviderUnclear": [
        fires(
            20,
            _of(_CALLS, "0+3x30", provider="stripe", verb="execute", result="unknown")
            | _of(_CALLS, "0+5x30", provider="stripe", verb="execute", result="succeeded"),
            provider="stripe",
        ),
        quiet(
            20,
            _of(_CALLS, "0+3x30", provider="stripe", verb="execute", result="unknown")
            | _of(_CALLS, "0+20x30", provider="stripe", verb="execute", result="succeeded"),
        ),
        quiet(20, _of(_CALLS, "0x10 2x30", provider="stripe", verb="execute", result="unknown")),
    ],
    "MalipoProviderCircuitOpen": [
        fires(8, _of(_CIRCUITS, "1x20", provider="paypal", state="open"), provider="paypal"),
        quiet(
            8,
            _of(_CIRCUITS, "0x20", provider="paypal", state="open")
            | _of(_CIRCUITS, "1x20", provider="paypal", state="half_open"),
        ),
    ],
    "MalipoProviderLimitsUs": [
        fires(40, _of(_PAUSES, "0+1x60", provider="mpesa", reason="quota"), provider="mpesa", reason="quota"),
        quiet(40, _of(_PAUSES, "0x5 3x60", provider="mpesa", reason="quota")),
    ],
    "MalipoCallbacksRefused": [
        fires(
            25,
            _of(_CALLBACKS, "0+3x30", provider="bank", result="bad_signature"),
            provider="bank",
            result="bad_signature",
        ),
        quiet(
            25,
            _of(_CALLBACKS, "0+1x30", provider="bank", result="bad_signature")
            | _of(_CALLBACKS, "0+90x30", provider="bank", result="unknown_address"),
        ),
    ],
    "MalipoCallbacksUnavailable": [
        fires(20, _of(_CALLBACKS, "0+2x30", provider="paypal", result="unavailable"), provider="paypal"),
        quiet(20, _of(_CALLBACKS, "0x15 4x30", provider="paypal", result="unavailable")),
    ],
    "MalipoBankCertificateExpires": [
        fires(20, _of(_EXPIRY, "1209700x40", partner="default"), partner="default"),
        quiet(20, _of(_EXPIRY, "1211000x40", partner="default")),
    ],
    "MalipoBankCertificateLastDays": [
        fires(20, _of(_EXPIRY, "173000x40", partner="default"), partner="default"),
        quiet(20, _of(_EXPIRY, "178000x40", partner="default")),
    ],
    # services.yaml
    "MalipoServiceDown": [
        fires(14, _OTHERS_UP | _of("up", "1x10 0x20", **_UP) | _of("up", "1x10 0x20", **_OTHER_UP), service="gateway"),
        fires(300, _OTHERS_UP | _of("up", "1x20 stale", **_UP), service="gateway"),
        fires(3, _OTHERS_UP, service="gateway"),  # it was never there
        fires(
            300,
            _OTHERS_UP | _of("up", "1x500", **_UP) | _of("up", "1x20 stale", **(_UP | {"service": "provider-stripe"})),
            service="provider-stripe",
        ),
        quiet(14, _OTHERS_UP | _of("up", "1x10 0x20", **_UP) | _of("up", "1x30", **_OTHER_UP)),
        quiet(40, _OTHERS_UP | _of("up", "1x20 stale", **_UP) | _of("up", "1x60", **_OTHER_UP)),
    ],
    "MalipoReplicaDown": [
        fires(20, _of("up", "1x5 0x30", **_UP) | _of("up", "1x40", **_OTHER_UP), **_UP),
        quiet(14, _of("up", "1x5 0x30", **_UP)),
    ],
    "MalipoServiceRestarts": [
        fires(20, _of("process_start_time_seconds", "1x3 2x3 3x3 4x3 5x20", **_UP), **_UP),
        fires(90, _of("process_start_time_seconds", "1x9 2x9 3x9 4x9 5x9 6x9 7x9 8x9 9x9", **_UP), **_UP),
        quiet(90, _of("process_start_time_seconds", "1x19 2x19 3x19 4x19 5x19", **_UP)),
        quiet(20, _of("process_start_time_seconds", "1x3 2x3 3x3 4x20", **_UP)),
    ],
    "MalipoDatabaseAway": _health("database", 5),
    "MalipoKafkaAway": _above("malipo_kafka_away_seconds", "61x20", "59x20", 3, service="provider-stripe"),
    "MalipoRedisAway": _health("redis", 15),
    "MalipoReplicaNotInGroup": [
        case
        for check in ("consumers", "instance", "joining")
        for case in _health(check, 8, {"check": check}, "orchestrator")
    ],
    "MalipoMonthsMissing": [
        fires(
            70,
            _of("malipo_partitions_ahead_months", "0x90", service="gateway", table="inbox"),
            service="gateway",
            table="inbox",
        ),
        fires(
            70,
            _of("malipo_partitions_stray_rows", "1x90", service="gateway", table="inbox"),
            service="gateway",
            table="inbox",
        ),
        quiet(
            70,
            _of("malipo_partitions_ahead_months", "1x90", service="gateway", table="inbox")
            | _of("malipo_partitions_stray_rows", "0x90", service="gateway", table="inbox"),
        ),
        quiet(55, _of("malipo_partitions_ahead_months", "0x90", service="gateway", table="inbox")),
    ],
    "MalipoApiFails": [
        fires(15, _answered(4)),
        fires(15, _answered(4, "None")),
        quiet(15, _answered(1)),
        quiet(15, _answered(9, "409")),
    ],
    "MalipoApiSlow": [fires(25, _slow(90)), quiet(25, _slow(96))],
}
"""At least one of each kind for every alert."""
