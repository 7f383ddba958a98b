"""Image names follow content, so that a second run builds nothing and a change is never missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.images.recipes import BASE, FOLDER, HUB_IMAGES, RECIPES, Recipe, lineage, tags

FAMILY = (Recipe("parent", BASE), Recipe("child", "parent"), Recipe("other", BASE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small images."""
    for recipe in FAMILY:
        (tmp_path / recipe.name).mkdir()
        (tmp_path / recipe.name / "Dockerfile").write_text(f"# {recipe.name}\n")
    return tmp_path


def changed(folder: Path, before: dict[str, str]) -> set[str]:
    """The images whose names are not what they were."""
    return {name for name, tag in tags(folder, FAMILY).items() if before[name] != tag}


def test_the_same_content_has_the_same_name(folder: Path) -> None:
    before = dict(tags(folder, FAMILY))
    (folder / "child" / "Dockerfile").touch()

    assert changed(folder, before) == set()


def test_a_change_renames_the_image_and_all_made_from_it(folder: Path) -> None:
    before = dict(tags(folder, FAMILY))
    (folder / "parent" / "Dockerfile").write_text("# another\n")

    assert changed(folder, before) == {"parent", "child"}


@pytest.mark.parametrize("change", ["add", "rename", "mode"])
def test_more_than_the_bytes_of_a_file_count(folder: Path, change: str) -> None:
    """A program that lost its execute bit makes another image."""
    before = dict(tags(folder, FAMILY))
    dockerfile = folder / "child" / "Dockerfile"
    if change == "add":
        (folder / "child" / "new").write_text("")
    elif change == "rename":
        dockerfile.rename(folder / "child" / "Containerfile")
    else:
        dockerfile.chmod(0o755)

    assert changed(folder, before) == {"child"}


def test_a_lineage_has_every_parent_before_its_child() -> None:
    found = [recipe.name for recipe in lineage(["hadleyverse", "r_devel"])]

    assert set(found) == {"r_base", "rstudio", "hadleyverse", "r_devel"}
    for recipe in RECIPES:
        if recipe.name in found and recipe.parent != BASE:
            assert found.index(recipe.parent) < found.index(recipe.name)


def test_every_recipe_has_its_folder_and_every_hub_image_its_recipe() -> None:
    names = {recipe.name for recipe in RECIPES}

    assert {path.parent.name for path in FOLDER.glob("*/Dockerfile")} == names
    assert set(HUB_IMAGES.values()) <= names
