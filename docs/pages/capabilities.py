"""docs/capabilities.md: what each provider can do."""

import importlib
from typing import get_args

from malipo.contracts.topics import PROVIDER_COMMANDS
from orchestrator.routing import ROUTES
from pages.markdown import document, prose, table
from provider_kit.provider import Provider, ProviderOperation

_INTRO = """\
A command that a provider does not declare is refused before anything is sent, with `provider_unsupported`. Every provider can be
queried for what became of an operation."""


def page() -> str:
    """The page's text."""
    operations = get_args(ProviderOperation)
    return document(
        "What each provider can do",
        "each provider's `capabilities` and the orchestrator's routing.py",
        _INTRO,
        table(("provider", *(one.__name__.lower() for one in operations)), [_row(name) for name in PROVIDER_COMMANDS]),
        "\n".join(f"* *{one.__name__.lower()}*: {prose(one)}" for one in operations),
        "## Routes",
        "A payment goes to the first provider that takes its method and currency, unless the merchant names one.",
        table(
            ("provider", "method", "currencies"),
            [(r.provider, r.method, ", ".join(sorted(r.currencies)) if r.currencies else "all") for r in ROUTES],
        ),
    )


def _row(name: str) -> tuple[str, ...]:
    declared = _provider(name).capabilities
    return (name, *("yes" if operation in declared else "" for operation in get_args(ProviderOperation)))


def _provider(name: str) -> type[Provider]:
    module = importlib.import_module(f"provider_{name}.provider")
    found = [thing for thing in vars(module).values() if getattr(thing, "name", None) == name]
    assert len(found) == 1, f"{module.__name__} has {len(found)} classes with name = {name!r}"
    return found[0]
