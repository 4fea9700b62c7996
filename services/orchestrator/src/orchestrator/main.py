"""Wires the orchestrator."""

from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.retention_settings import INBOX_DAYS
from orchestrator import resending, tables
from orchestrator.scheduler import schedule
from orchestrator.settings import Settings
from orchestrator.subscriptions import subscriptions


def build(settings: Settings) -> Application:
    """The orchestrator: messages and deadlines in, commands and events out."""
    runtime = Runtime("orchestrator", settings)
    runtime.subscribe(*subscriptions(settings.restored_at))
    runtime.purge_after(resending.PURGE, INBOX_DAYS)  # no command comes again later than its inbox row is kept
    runtime.watch_months(tables.metadata)
    schedule(runtime, settings)
    return runtime.application()
