"""The shape of the repository: what an import linter and a type checker cannot see."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE_ROOTS = ("platform/config", "platform/live", "accounts", "conversations")
TEXT = {".css", ".html", ".js", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
CODE = {".css", ".html", ".js", ".py"}
MOST_LINES = 500

# A function lives with its noun; these names gather what has no home.
FORBIDDEN_NAMES = {"common", "helpers", "misc", "services", "utils", "views"}

# Source files without a test module of their own, and why.
UNTESTED = {
    "apps.py": "an AppConfig is run by every test that touches Django",
    "urls.py": "routes are tested where they lead",
    "__main__.py": "started as a process by the tests of its package",
}


def repository_files() -> list[Path]:
    """Tracked files and new ones that git does not ignore."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout: what is not tracked is nobody's business")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = {ROOT / name for name in listed.split("\0") if name}
    return sorted(path for path in paths if path.is_file())


def source_modules() -> list[Path]:
    """Python files of the product, without migrations and empty package files."""
    files = (path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("*.py"))
    return sorted(
        path for path in files if "migrations" not in path.parts and path.name != "__init__.py"
    )


def mirror(source: Path) -> Path:
    """`platform/live/session.py` is tested by `tests/live/test_session.py`."""
    relative = source.relative_to(ROOT / "platform" if "platform" in source.parts else ROOT)
    return ROOT / "tests" / relative.with_name(f"test_{source.name}")


def test_platform_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert platform.__file__ is not None
    assert ROOT not in Path(platform.__file__).parents
    assert platform.python_version_tuple()[0] == "3"


def test_every_source_module_has_a_test_module() -> None:
    missing = [
        f"{source.relative_to(ROOT)} wants {mirror(source).relative_to(ROOT)}"
        for source in source_modules()
        if source.name not in UNTESTED and not mirror(source).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", sorted(FORBIDDEN_NAMES))
def test_no_module_is_a_drawer(name: str) -> None:
    modules = [path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("*")]
    assert [path for path in modules if path.stem == name and path.suffix in {"", ".py"}] == []


def test_no_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in repository_files()
        if path.suffix in CODE
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_runtime_pins_are_part_of_the_development_pins() -> None:
    runtime, development = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert runtime
    assert runtime <= development


# Put together from parts, so that this file does not match itself.
INDEX_HOSTS = "|".join(
    rf"{first}\.{second}"
    for first, second in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "(?:org|com)"),
        ("yarnpkg", "com"),
    ]
)
MACHINE_PATHS = r"work|root|home/\w+|Users/\w+|tmp"
LEAKS = {
    "a package index": re.compile(rf"(?i)\b(?:{INDEX_HOSTS})\b"),
    "a path of one machine": re.compile(rf"(?<![\w.~}}/-])/(?:{MACHINE_PATHS})/"),
}


@pytest.mark.parametrize("what", LEAKS)
def test_no_file_names(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in repository_files()
        if path.suffix in TEXT or path.suffix == ""
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if LEAKS[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("index-url = https://files.pythonhosted" + ".org/simple", "a package index"),
        ("see " + "/ro" + "ot/notes", "a path of one machine"),
        ('open("' + "/tm" + 'p/x")', "a path of one machine"),
    ],
)
def test_a_leak_would_be_seen(text: str, what: str) -> None:
    assert LEAKS[what].search(text)
