"""Run by a copy's own Python: a stack that lives for as long as somebody holds our standard input, and where it is."""

import json
import sys

from malipo_local import Stack
from malipo_local.services import Kind, select

collector, *names = sys.argv[1:]
rows = select(names)
services = [row.name for row in rows if row.kind is Kind.SERVICE]
traced = {"TRACE_RATIO": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": "100"}
with Stack(only=names, settings=dict.fromkeys(services, traced)) as stack:
    where = {
        "urls": {row.name: stack.url(row.name) for row in rows if row.name in names and row.called},
        "databases": {name: stack.database_url(name) for name in services},
        "kafka": stack.kafka,
        "logs": str(stack.home.logs),
        "gateway": stack.service_env("gateway"),
    }
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
