"""The matrix can see: each rule of Malipo's, switched off, turns it red."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos import matrix, system
from chaos.broken import BROKEN, Broken, builds, install
from chaos.operations import OPERATIONS


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.rule)
def test_what_a_build_switches_off_is_there(broken: Broken):
    assert [name for patch in broken.patches.values() for name in unknown(patch)] == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("build", builds(), ids=lambda build: "; ".join(broken.rule for broken in build))
def test_the_matrix_turns_red_where_a_rule_is_switched_off(build: list[Broken], tmp_path: Path):
    with system.running(overrides=install(build, tmp_path)) as running:
        unnoticed = {broken.rule: found for broken in build if (found := other_than_expected(running, broken))}
    assert unnoticed == {}


def other_than_expected(running: system.System, broken: Broken) -> list[str]:
    """What is red instead of the violation; nothing once that is seen."""
    others = ["where the violation was expected:"]
    for what in seen(running, broken):
        if broken.violation in what:
            return []
        others.append(what)
    return others


def seen(running: system.System, broken: Broken) -> Iterator[str]:
    """Whatever is red of the rule's operation: undisturbed, or where it is expected to fail."""
    [operation] = [one for one in OPERATIONS if one.name == broken.operation]
    with matrix.opened(running, [operation], broken.rest_seconds) as opened:
        try:
            cells = opened.record(operation)
        except AssertionError as error:
            yield str(error)
            return
        for cell in cells:
            crossing = cell.crossing
            if (crossing.service, crossing.seam) == (broken.service, broken.seam) and crossing.moment in broken.moments:
                yield from opened.crash(cell).broken


def unknown(patch: str) -> Iterator[str]:
    """What a patch reads or replaces that is not there any more: Python would let it run, and nothing would be broken."""
    statements = ast.parse(patch).body
    imports: list[ast.stmt] = [one for one in statements if isinstance(one, ast.Import | ast.ImportFrom)]
    imported: dict[str, Any] = {}
    exec(compile(ast.Module(imports, []), "<imports>", "exec"), imported)
    for statement in (one for one in statements if isinstance(one, ast.Assign)):
        for name in (ast.unparse(one) for one in ast.walk(statement) if isinstance(one, ast.Attribute)):
            owner, *path = name.split(".")
            if owner in imported and not _leads_somewhere(imported[owner], path):
                yield name


def _leads_somewhere(owner: object, path: list[str]) -> bool:
    for part in path:
        if not hasattr(owner, part):
            return False
        owner = getattr(owner, part)
    return True
