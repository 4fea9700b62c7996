"""docker-compose.yml with a real engine, where one answers."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from compose.project import ROOT, Project, engine
from compose.trial import Trial

_TRIAL_SECONDS = 1500
_PINNED = f"sha256:{'7' * 64}"


@pytest.mark.timeout(_TRIAL_SECONDS)
def test_a_user_starts_pays_scales_upgrades_loses_the_stores_and_leaves_nothing(
    record_property: Callable[[str, str], None],
) -> None:
    if why := engine():
        pytest.skip(why)
    said: list[str] = []
    Trial(Project(seconds=600), said.append).run()
    record_property("steps", "\n".join(said))
    assert "nothing is left" in said[-1]


def test_two_trials_share_no_name_port_or_network() -> None:
    one, other = Project(1).environment, Project(1).environment
    ports = [{value for name, value in each.items() if name.endswith("PORT")} for each in (one, other)]
    assert all(len(each) == sum(name.endswith("PORT") for name in one) for each in ports)
    assert one["COMPOSE_PROJECT_NAME"] != other["COMPOSE_PROJECT_NAME"]
    assert one["MALIPO_TAG"] == one["COMPOSE_PROJECT_NAME"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What `deploy/pin-images` reads and writes, and a docker that knows one digest for all images."""
    (tmp_path / "deploy").mkdir()
    for name in ("docker-compose.yml", "deploy/Dockerfile", "deploy/pin-images"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    return tmp_path


def pin(copy: Path, docker: str) -> subprocess.CompletedProcess[str]:
    stand_in = copy / "bin/docker"
    stand_in.write_text(f"#!/bin/sh\n{docker}\n")
    stand_in.chmod(0o755)
    path = f"{copy}/bin:/usr/bin:/bin"
    return subprocess.run(
        ["deploy/pin-images"], cwd=copy, env={"PATH": path}, capture_output=True, text=True, check=False
    )


def test_every_image_that_others_made_is_pinned_anew_by_one_command(copy: Path) -> None:
    for _ in range(2):  # the second time it replaces what it has written
        assert pin(copy, f"echo {_PINNED}").returncode == 0
        compose, dockerfile = ((copy / name).read_text("utf-8") for name in ("docker-compose.yml", "deploy/Dockerfile"))
        foreign = [line for line in compose.splitlines() if "_IMAGE:-" in line]
        assert len(foreign) == 9
        assert all(line.count(f"@{_PINNED}}}") == 1 and line.count("sha256") == 1 for line in foreign)
        assert f"-slim@{_PINNED}\n" in dockerfile


@pytest.mark.parametrize("docker", ["echo nothing", "exit 1"])
def test_what_is_no_digest_is_refused(copy: Path, docker: str) -> None:
    before = (copy / "docker-compose.yml").read_text("utf-8")
    assert pin(copy, docker).returncode != 0
    assert (copy / "docker-compose.yml").read_text("utf-8") == before
