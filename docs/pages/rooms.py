"""The picture of rooms and arrows in ARCHITECTURE.md: who imports whom, as the code has it."""

from collections.abc import Collection, Mapping

import grimp

from malipo.contracts.providers import PROVIDERS

_PACKAGES = {
    "gateway": "services/gateway",
    "orchestrator": "services/orchestrator",
    **{f"provider_{name}": f"services/provider-{name}" for name in PROVIDERS},
    "webhook_dispatcher": "services/webhook-dispatcher",
    "erp_sink": "examples/erp-sink",
    "malipo_local": "deploy/local",
    "malipo_simulators": "libs/simulators",
    "testkit": "libs/testkit",
    "provider_kit": "libs/provider-kit",
    "malipo": "libs/common",
    "http_limits": "libs/http-limits",
    "redaction": "libs/redaction",
}
_GATEWAY = (
    *(
        "projections",
        "history",
        "movements",
        "operations",
        "setups",
        "events",
        "payments",
        "series",
        "payment_methods",
        "accounts",
    ),
    *("openapi", "edge"),
)
_COMMON = ("messaging", "platform", "contracts", "money", "ids", "clock")

Arrows = dict[str, set[str]]


def pictures() -> str:
    """Three pictures: all packages, the parts of `malipo`, and the gateway's rooms."""
    graph = grimp.build_graph(*_PACKAGES, cache_dir=None)
    return "\n\n".join(
        [
            "Services and libraries (`A --> B`: A imports B; what follows from other arrows is left out):",
            _picture(graph, _PACKAGES),
            "The parts of `malipo`, in `libs/common`:",
            _picture(graph, {f"malipo.{part}": part for part in _COMMON}),
            "The gateway's rooms:",
            _picture(graph, {f"gateway.{room}": room for room in _GATEWAY}),
        ]
    )


def _picture(graph: grimp.ImportGraph, names: Mapping[str, str]) -> str:
    """A Mermaid flow chart of these packages, by the names to show."""
    arrows = _reduced(_arrows(graph, names))
    nodes = [f'  {_id(package)}["{name}"]' for package, name in names.items()]
    lines = [f"  {_id(package)} --> {_id(other)}" for package in names for other in sorted(arrows[package])]
    return "\n".join(["```mermaid", "flowchart TD", *nodes, *lines, "```"])


def _id(package: str) -> str:
    return package.replace(".", "_")


def _arrows(graph: grimp.ImportGraph, packages: Collection[str]) -> Arrows:
    """For each package those that its modules import directly."""
    owners = {
        module: package
        for package in packages
        for module in graph.modules
        if module == package or module.startswith(f"{package}.")
    }
    arrows: Arrows = {package: set() for package in packages}
    for module, package in owners.items():
        imported = {owners.get(other) for other in graph.find_modules_directly_imported_by(module)}
        arrows[package] |= {other for other in imported if other not in (None, package)}
    return arrows


def _reduced(arrows: Arrows) -> Arrows:
    """Without arrows that a longer way makes, too."""
    return {
        package: {other for other in others if not any(other in _reached(arrows, way) for way in others - {other})}
        for package, others in arrows.items()
    }


def _reached(arrows: Arrows, start: str) -> set[str]:
    """What can be reached from `start`; imports have no circles."""
    return arrows[start].union(*(_reached(arrows, other) for other in arrows[start]))
