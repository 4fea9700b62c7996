"""promtool, and the rule tests that it runs: `python -m observability.promtool` builds it, and runs them."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from observability.cases import CASES, Case

from malipo_local.errors import StartError
from malipo_local.go_tools import PROMTOOL

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy/observability/rules").glob("*.yaml"))
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def alerts() -> Iterator[dict[str, Any]]:
    """Every rule of every file."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def rule_tests() -> dict[str, Any]:
    """The cases as promtool reads them, with what each alert tells written out."""
    rules = {rule["alert"]: rule for rule in alerts()}
    tests = [_test(rules[name], case) for name, cases in CASES.items() for case in cases]
    return {"rule_files": [str(file) for file in RULES], "evaluation_interval": "1m", "tests": tests}


def _test(rule: Mapping[str, Any], case: Case) -> dict[str, Any]:
    return {
        "name": f"{rule['alert']} {'is quiet' if case.labels is None else 'fires'}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.minute}m", "alertname": rule["alert"], "exp_alerts": list(_told(rule, case))}
        ],
    }


def _told(rule: Mapping[str, Any], case: Case) -> Iterable[Mapping[str, Any]]:
    if case.labels is not None:
        told = {name: _written_out(text, case.labels) for name, text in rule["annotations"].items()}
        yield {"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": told}


def _written_out(text: str, labels: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda found: labels[found[1]], text)


def run(promtool: Path) -> tuple[bool, str]:
    """Whether every rule can be loaded and every case holds, and what promtool says."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tests.yaml"
        file.write_text(yaml.safe_dump(rule_tests(), sort_keys=False))
        said = ""
        for command in (["check", "rules", "--lint=all", *map(str, RULES)], ["test", "rules", str(file)]):
            done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
            said += done.stdout + done.stderr
            if done.returncode:
                return False, said
    return True, said


def counts() -> str:
    """How many alerts there are, and in how many cases each fires or stays quiet."""
    firing = sum(case.labels is not None for cases in CASES.values() for case in cases)
    total = sum(map(len, CASES.values()))
    return f"{len(CASES)} alerts, {total} cases: {firing} fire, {total - firing} stay quiet"


def main() -> int:
    """Build promtool unless it is there, and run the rule tests."""
    try:
        held, said = run(PROMTOOL.built())
    except StartError as failure:
        print(failure, file=sys.stderr)  # noqa: T201 - the answer of this command
        return 1
    print(said if not held else counts())  # noqa: T201 - as above
    return not held


if __name__ == "__main__":
    sys.exit(main())
