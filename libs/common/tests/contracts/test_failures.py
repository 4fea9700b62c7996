"""Every code of a failure that our code writes has its text, and there is no text for a code that none writes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from malipo.contracts.failures import OWN_FAILURES, May

ROOT = Path(__file__).parents[4]
SOURCES = sorted(
    [
        *ROOT.glob("libs/common/src/**/*.py"),
        *ROOT.glob("libs/provider-kit/src/**/*.py"),
        *ROOT.glob("services/*/src/**/*.py"),
    ]
)
PASSING_ON = """
def give_up(claimed, code): return Declined(code=code)
def declined(failure):
    code = failure.code or "no_text"
    return Failure(code, f"an {adjective} text")
give_up(claimed, "nothing_works")
Declined(code=f"refund_{status}")
Declined(code=f"gone_{status}")
"""

Makers = dict[str, tuple[str, int]]
"""Functions that make a failure of a code: the name of that parameter, and its place."""


def codes(trees: list[ast.Module]) -> set[str]:
    """The codes that these sources write into failures, also by way of a function's parameter."""
    makers: Makers = {"Declined": ("code", 0), "Failure": ("code", 0), "Obstacle": ("code", 0)}
    while True:
        found = {
            code for tree in trees for expression, scope in given(tree, makers) for code in written(expression, scope)
        }
        passing = {
            passed
            for tree in trees
            for expression, scope in given(tree, makers)
            for passed in parameter(expression, scope)
        }
        if passing <= makers.items():
            return found
        makers |= dict(passing)


def given(tree: ast.Module, makers: Makers) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Each code that a maker is called with, and the function, or module, where it is."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for scope in (*functions, tree):
        for call in ast.walk(scope):
            if isinstance(call, ast.Call) and (maker := makers.get(name_of(call.func))):
                by_name = [keyword.value for keyword in call.keywords if keyword.arg == maker[0]]
                for code in by_name or call.args[maker[1] : maker[1] + 1]:
                    yield code, scope


def name_of(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def written(code: ast.expr, scope: ast.AST) -> set[str]:
    """The codes that an expression writes out. Of an f-string: those in the table that fit it, or else its pattern."""
    match code:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.BoolOp(values=values):
            return {found for value in values for found in written(value, scope)}
        case ast.JoinedStr(values=parts):
            pattern = "".join(part.value if isinstance(part, ast.Constant) else r"\w+" for part in parts)
            return {own for own in OWN_FAILURES if re.fullmatch(pattern, own)} or {pattern}
        case ast.Name(id=name):
            assigned = [node for node in ast.walk(scope) if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
            targets = [(getattr(node, "targets", None) or [node.target], node.value) for node in assigned]
            values = [value for names, value in targets if name in map(name_of, names)]
            return {found for value in values for found in written(value, scope)}
        case _:
            return set()  # a provider's own, or that of a refusal


def parameter(code: ast.expr, scope: ast.AST) -> Iterator[tuple[str, tuple[str, int]]]:
    """The enclosing function, if the code is one of its parameters."""
    if isinstance(code, ast.Name) and isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [argument.arg for argument in scope.args.args if argument.arg != "self"]
        if code.id in names:
            yield scope.name, (code.id, names.index(code.id))


def test_every_code_that_our_code_writes_has_a_text_and_none_is_left_over():
    assert codes([ast.parse(path.read_text("utf-8")) for path in SOURCES]) == set(OWN_FAILURES)


def test_a_code_is_found_wherever_it_is_written():
    assert codes([ast.parse(PASSING_ON)]) == {
        "no_text", "nothing_works", r"gone_\w+", "refund_failed", "refund_canceled"
    }  # fmt: skip


@pytest.mark.parametrize("code", OWN_FAILURES)
def test_a_failure_is_explained_in_sentences_with_what_to_do(code):
    own = OWN_FAILURES[code]
    assert own.why.endswith(".")
    assert own.advice.endswith(".")
    assert set(own.may) <= set(get_args(May))


def test_refused_credentials_are_to_be_mended_before_anything_new():
    own = OWN_FAILURES["provider_misconfigured"]
    assert own.may == ("configure",)
    assert "PUT /v1/provider-credentials" in own.advice
