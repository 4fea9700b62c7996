"""What is misspelt on the command line is told at once, with what there is, and not after a stack was started for it."""

import pytest
from typer.testing import CliRunner

from bench.__main__ import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["callbacks", "--provider", "nosuch"], "'nosuch' is no provider that sends any: give one of bank"),
        (["profile", "--service", "nosuch"], "'nosuch' is no service: give one of gateway"),
        (["sizes", "--method", "nosuch"], "'nosuch' is no method: give one of card"),
    ],
)
def test_a_name_of_nothing_is_refused_with_the_names_that_there_are(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
