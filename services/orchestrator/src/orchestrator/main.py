"""Wires the orchestrator."""

from starlette.applications import Starlette

from malipo.messaging.runtime import INBOX_DAYS, Runtime
from orchestrator import resending, rollcall, scheduler
from orchestrator.settings import Settings
from orchestrator.subscriptions import SUBSCRIPTIONS


def build(settings: Settings) -> Starlette:
    """The orchestrator's application: messages and deadlines in, commands and events out."""
    runtime = Runtime("orchestrator", settings)
    runtime.subscribe(*SUBSCRIPTIONS)
    runtime.purge_after(resending.PURGE, INBOX_DAYS)  # no command comes again later than its inbox row is kept
    runtime.loop("clockwork", lambda: scheduler.run(runtime.database))
    runtime.loop("roll call", lambda: rollcall.run(runtime.database, settings.roll_calls))
    runtime.loop("doubt gauges", lambda: scheduler.watch(runtime.database))
    return runtime.app()
