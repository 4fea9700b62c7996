"""Wires the orchestrator."""

from starlette.applications import Starlette

from malipo.messaging.runtime import INBOX_DAYS, Runtime
from orchestrator import clockwork, retelling, rollcall
from orchestrator.settings import Settings
from orchestrator.subscriptions import SUBSCRIPTIONS


def build(settings: Settings) -> Starlette:
    """The orchestrator's application: messages and deadlines in, commands and events out."""
    runtime = Runtime("orchestrator", settings)
    runtime.subscribe(*SUBSCRIPTIONS)
    runtime.forget(retelling.PURGE, INBOX_DAYS)  # no command comes again later than its inbox row is kept
    runtime.loop("clockwork", lambda: clockwork.run(runtime.units))
    runtime.loop("roll call", lambda: rollcall.run(runtime.units, settings.roll_calls))
    runtime.loop("doubt gauges", lambda: clockwork.watch(runtime.units))
    return runtime.app()
