"""The matrix can see: each rule of Malipo's, switched off, turns it red."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos import matrix, system
from chaos.broken import BROKEN, Broken, install
from chaos.matrix import Matrix
from chaos.operations import OPERATIONS
from chaos.operations.operation import Operation

EACH_BUILD = pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.rule)


@EACH_BUILD
def test_what_a_build_switches_off_is_there(broken: Broken):
    assert [name for patch in broken.patches.values() for name in unknown(patch)] == []


@pytest.mark.timeout(500)
@EACH_BUILD
def test_the_matrix_turns_red_when_a_rule_is_switched_off(broken: Broken, tmp_path: Path):
    [operation] = [one for one in OPERATIONS if one.name == broken.operation]
    with (
        system.running(overrides=install(broken, tmp_path)) as running,
        matrix.opened(running, [operation], broken.rest_seconds) as opened,
    ):
        assert any(broken.violation in what for what in seen(opened, operation, broken)), f"not noticed: {broken.rule}"


def seen(opened: Matrix, operation: Operation, broken: Broken) -> Iterator[str]:
    """Whatever is red: undisturbed, or where the build is expected to fail."""
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
