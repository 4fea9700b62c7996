"""deploy/Dockerfile and the images that docker-compose.yml names: what they are made of, and how they run."""

import re
import shlex
import tomllib

import yaml
from architecture.composed import COMPOSE, CONTAINERS, ROOT, WRITTEN

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")


def test_every_image_is_built_from_a_package_of_the_workspace_with_a_module_to_run() -> None:
    for container in CONTAINERS.values():
        if "build" in container:
            name = container["build"]["args"]["SERVICE"]
            (project,) = (path for path in ROOT.glob(f"*/{name}/pyproject.toml"))
            described = tomllib.loads(project.read_text("utf-8"))
            module = described["tool"]["uv"]["build-backend"]["module-name"]
            assert described["project"]["name"] == f"malipo-{name}"
            assert (project.parent / "src" / module / "__main__.py").exists()
            assert f'\nmodule-name = "{module}"\n' in project.read_text("utf-8"), "the Dockerfile reads this line"


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, comments left out."""
    joined = dockerfile.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_the_image_runs_as_an_unprivileged_user() -> None:
    users = [arguments for name, arguments in instructions(DOCKERFILE) if name == "USER"]
    assert users[-1] == "10001:10001"
    assert ("CMD", '["serve"]') in instructions(DOCKERFILE)


def test_the_image_is_that_of_one_service_from_the_lock_file_without_tools_for_development() -> None:
    steps = instructions(DOCKERFILE)
    assert ("ARG", "SERVICE") in steps
    third_party, own = [shlex.split(arguments) for name, arguments in steps if name == "RUN" and "uv sync" in arguments]
    assert all({"--frozen", "--no-dev"} <= set(sync) for sync in (third_party, own))
    assert "--no-install-workspace" in third_party
    assert {"--no-editable", "malipo-$SERVICE"} <= set(own)
    assert "--inexact" not in own, "what the service does not need is removed"


def test_the_image_has_the_python_that_the_project_requires() -> None:
    wanted = (ROOT / ".python-version").read_text("utf-8").strip()
    assert COMPOSE["x-image"]["PYTHON_IMAGE"].startswith(f"python:{wanted}-slim@sha256:")
    stages = [arguments.split(" AS ") for name, arguments in instructions(DOCKERFILE) if name == "FROM"]
    assert stages[0][0] == "${PYTHON_IMAGE}"
    assert {stage[0] for stage in stages[1:]} <= {stage[-1] for stage in stages}


def test_uv_is_installed_by_hash() -> None:
    (install,) = [
        arguments for name, arguments in instructions(DOCKERFILE) if name == "RUN" and "pip install" in arguments
    ]
    assert "--require-hashes" in install
    (pinned,) = re.findall(r"^(\w+)==[\d.]+ \\$", (ROOT / "deploy/uv.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned == "uv"


def test_the_image_says_what_it_is() -> None:
    (labels,) = [arguments for name, arguments in instructions(DOCKERFILE) if name == "LABEL"]
    said = dict(pair.split("=", 1) for pair in shlex.split(labels))
    parts = ("title", "version", "revision", "source", "licenses")
    assert set(said) == {f"org.opencontainers.image.{part}" for part in parts}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    given = COMPOSE["x-image"]
    assert given["VERSION"] == version
    assert f"VERSION={version} " in DOCKERFILE
    assert {"PYTHON_IMAGE", "VERSION", "REVISION", "SOURCE"} == set(given)


def test_the_images_that_others_made_are_pinned_and_can_be_named_by_a_mirror() -> None:
    for name in ("proxy", "postgres", "redis", "kafka"):
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", CONTAINERS[name]["image"]), name
    foreign = [
        container["image"] for container in yaml.safe_load(WRITTEN)["services"].values() if "build" not in container
    ]
    assert all(image.startswith(("${MALIPO_", "malipo/")) for image in foreign)
    assert f"ARG PYTHON_IMAGE={COMPOSE['x-image']['PYTHON_IMAGE']}\n" in DOCKERFILE


def test_everything_that_is_copied_exists_and_reaches_the_engine() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    kept = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    copied = [arguments.split()[:-1] for name, arguments in instructions(DOCKERFILE) if name == "COPY"]
    given = [path for paths in copied for path in paths if not path.startswith("--")]
    given += re.findall(r"--mount=source=([^,]+),", DOCKERFILE)
    for path in given:
        assert (ROOT / path).exists(), path
        assert path in kept, path
    assert rules[0] == "*"
