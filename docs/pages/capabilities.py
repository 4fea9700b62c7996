"""docs/capabilities.md: what each provider can do."""

from typing import get_args

from malipo.contracts.providers import PROVIDERS
from orchestrator.routing import ROUTES
from pages.markdown import document, prose, table
from provider_kit.provider import ProviderOperation

_INTRO = """\
A command that a provider does not declare is refused before anything is sent, with `provider_unsupported`. Every provider can be
queried for what became of an operation."""


def page() -> str:
    """The page's text."""
    operations = get_args(ProviderOperation)
    return document(
        "What each provider can do",
        "each provider's descriptor and the orchestrator's routing.py",
        _INTRO,
        table(("provider", *(one.__name__.lower() for one in operations)), [_row(name) for name in PROVIDERS]),
        "\n".join(f"* *{one.__name__.lower()}*: {prose(one)}" for one in operations),
        "## Routes",
        "A payment goes to the first provider that takes its method and currency, unless the merchant names one.",
        table(
            ("provider", "method", "currencies"),
            [(r.provider, r.method, ", ".join(sorted(r.currencies)) if r.currencies else "all") for r in ROUTES],
        ),
    )


def _row(name: str) -> tuple[str, ...]:
    declared = PROVIDERS[name].operations
    return (name, *("yes" if one.__name__.lower() in declared else "" for one in get_args(ProviderOperation)))
