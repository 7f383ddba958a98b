"""The house rules that a machine can see: who imports whom, how long files get, what is locked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PACKAGES = ("bot", "handlers", "config", "sandbox")
PRODUCT = ("bot", "handlers", "config")
MAX_LINES = 400
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages below `root`, with our contracts."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, copied to where a test may plant what is forbidden."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", root)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "*.html", "*.js", "*.css", "*.svg")
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    return root


# --- who imports whom ---


def test_the_import_contracts_hold() -> None:
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("bot/models.py", "import bot.errors"),
        ("bot/ports.py", "import bot.services"),
        ("bot/services/__init__.py", "import bot.adapters.web"),
        ("bot/adapters/web.py", "import handlers"),
        ("handlers/__init__.py", "import bot.adapters.softlayer"),
        ("bot/services/__init__.py", "import SoftLayer"),
        ("handlers/__init__.py", "from docker import errors"),
        ("config/settings.py", "import paramiko"),
        ("bot/services/__init__.py", "from slack_sdk import WebClient"),
        ("bot/replies/__init__.py", "import slack_bolt"),
        ("bot/app.py", "import sandbox.softlayer.server"),
        ("bot/adapters/web.py", "import sandbox"),
    ],
)
def test_a_forbidden_import_is_refused(copied: Path, module: str, planted: str) -> None:
    """A contract that lets everything through would be green as well."""
    path = copied / module
    kept = path.read_text("utf-8")
    path.write_text(f"{kept}\n{planted}\n", "utf-8")

    done = lint_imports(copied)
    path.write_text(kept, "utf-8")

    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* broken", done.stdout), done.stdout


def test_starting_the_command_line_loads_no_sandbox() -> None:
    """A bot in production must run without the sandbox's packages."""
    program = "import sys, bot.__main__; sys.exit('sandbox' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode == 0


# --- how long files get ---


@pytest.mark.parametrize("package", PRODUCT)
def test_no_file_of_the_product_is_too_long_to_read(package: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }

    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is_for(package: str) -> None:
    """An empty `__init__.py` is fine: it holds nothing to explain."""
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if (text := path.read_text("utf-8").strip()) and not text.startswith(('"""', "#!"))
    ]

    assert silent == []


# --- what is locked ---


def pinned(lock: str) -> dict[str, Version]:
    """Every package of a lock file; each must have its version and at least one hash."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    found: dict[str, Version] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+) .*--hash=sha256:[0-9a-f]{64}", line)
        assert match, f"not pinned by version and hash: {line[:80]}"
        found[canonicalize_name(match[1])] = Version(match[2])
    return found


def required(*extras: str) -> list[Requirement]:
    """The direct dependencies, with those of the extras; our own extras are followed."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"]]
    for extra in extras:
        lines += optional[extra]
    requirements = [Requirement(line) for line in lines]
    return [each for each in requirements if canonicalize_name(each.name) != "ds-bot"]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["sandbox"]), ("requirements-dev.lock", ["sandbox", "dev"])],
)
def test_the_lock_has_what_pyproject_asks_for(lock: str, extras: list[str]) -> None:
    """CONTRIBUTING.md says how the locks are made; this says when they must be."""
    locked = pinned(lock)

    for each in required(*extras):
        version = locked.get(canonicalize_name(each.name))
        assert version is not None, f"{each.name} is not in {lock}"
        assert each.specifier.contains(version), f"{each} is not met by {version} in {lock}"


def test_people_and_production_run_the_same_versions() -> None:
    development = pinned("requirements-dev.lock")

    assert {n: v for n, v in pinned("requirements.lock").items() if development.get(n) != v} == {}


def test_every_direct_dependency_is_explained() -> None:
    """docs/dependencies.md: the version in use, why it is there, what would take its place."""
    text = (ROOT / "docs/dependencies.md").read_text("utf-8")
    explained = dict(re.findall(r"^\| `(\S+)` \| (\S+) \| ", text, re.MULTILINE))

    locked = pinned("requirements-dev.lock")
    wanted = {each.name for each in required("sandbox", "dev")}
    assert set(explained) == wanted
    assert {n: v for n, v in explained.items() if Version(v) != locked[canonicalize_name(n)]} == {}
