"""`make release` releases what is one: a clean tree, one version, a changelog, frozen migrations; and says what it is made of."""

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "deploy/release"))

import release

ROOT = Path(__file__).parents[2]

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-01\n\n### Added\n\n- More.\n\n## [0.1.0]\n"


def copy_of_versions(folder: Path) -> Path:
    for path in [*ROOT.glob("*/*/pyproject.toml"), ROOT / "pyproject.toml", *(ROOT / name for name in release._NAMED)]:
        there = folder / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, there)
    return folder


def test_one_version_is_written_everywhere() -> None:
    assert list(release.differing_versions(ROOT)) == []


@pytest.mark.parametrize("name", ["services/gateway/pyproject.toml", *release._NAMED])
def test_another_version_somewhere_is_named(tmp_path: Path, name: str) -> None:
    copy = copy_of_versions(tmp_path)
    file = copy / name
    file.write_text(file.read_text("utf-8").replace(release.version(), "9.9.9"), encoding="utf-8")
    assert list(release.differing_versions(copy)) == [f"{name} has version 9.9.9, not {release.version()}"]


def test_a_changelog_without_the_version_its_date_or_a_word_is_refused() -> None:
    assert list(release._of_changelog(CHANGELOG, "0.2.0")) == []
    [missing] = release._of_changelog(CHANGELOG, "0.3.0")
    assert "no section [0.3.0]" in missing
    undated, empty = release._of_changelog(CHANGELOG, "0.1.0")
    assert "when 0.1.0" in undated
    assert "nothing of 0.1.0" in empty


def test_our_changelog_has_the_version_that_is_released_next() -> None:
    assert list(release._of_changelog((ROOT / "CHANGELOG.md").read_text("utf-8"), release.version())) == []


def test_a_migration_that_is_edited_or_not_frozen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = release.frozen.released()
    first, *_ = kept
    monkeypatch.setattr(release.frozen, "released", lambda: kept | {first: "another"})
    [edited] = release._of_migrations()
    assert edited.startswith(f"{first} was released as another")
    monkeypatch.setattr(release.frozen, "released", lambda: {name: kept[name] for name in kept if name != first})
    [new] = release._of_migrations()
    assert new.startswith(f"{first} is not frozen yet")


def test_a_tree_with_changes_is_not_released(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "_run", lambda *command: " M README.md" if "status" in command else "")
    assert release.main(["--check"]) == 1
    assert "not committed: README.md" in capsys.readouterr().out


def test_each_image_has_an_sbom_of_all_that_it_holds_by_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shutil.which("uv") or (ROOT / ".tools/bin/uv").exists()):
        pytest.skip("there is no uv here")
    monkeypatch.setattr(release, "images", lambda: ["gateway"])
    [file] = release.write_sboms(tmp_path)
    bom = json.loads(file.read_text("utf-8"))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    held = {one["name"]: one for one in bom["components"]}
    assert {"asyncpg", "fastapi", "aiokafka", "malipo"} <= held.keys()
    assert all(one["version"] and one["purl"] for name, one in held.items() if not name.startswith("malipo"))
    assert not {"pytest", "ruff"} & held.keys()


def test_every_service_has_an_image() -> None:
    assert set(release.images()) == {path.name for path in (ROOT / "services").iterdir()} | {"simulators"}
