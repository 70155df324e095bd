"""Ratchets: what the code may not fall below. The allow-list below may only shrink."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "devices", "marketplace", "myhouse", "telemetry")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
ALLOW_LIST = ROOT / "tests" / "style_allowed.txt"


def tracked(*patterns: str) -> list[Path]:
    """List the files git knows (and new ones it does not ignore)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.is_file()]


def sources(*, tests: bool) -> list[Path]:
    """List the Python files of the product, with or without its tests; migrations are generated."""
    paths = tracked("*.py")
    paths = [path for path in paths if "migrations" not in path.parts]
    return [path for path in paths if tests or ("tests" not in path.parts and path.name != "conftest.py")]


def allowed() -> set[str]:
    return {line for line in ALLOW_LIST.read_text().splitlines() if line and not line.startswith("#")}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long() -> set[str]:
    """Name every file and function that is longer than it may be."""
    found = set()
    for path in sources(tests=True):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        if text.count("\n") > LONGEST_FILE:
            found.add(name)
        for function in functions(ast.parse(text)):
            if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION:
                found.add(f"{name}::{function.name}")
    return found


def test_functions_and_files_stay_short() -> None:
    assert sorted(too_long() - allowed()) == []


def test_the_allow_list_only_shrinks() -> None:
    assert sorted(allowed() - too_long()) == [], "these are short now: take them off the list"


def undocumented(path: Path) -> list[str]:
    """Name what is public in the file and says nothing about itself."""
    name = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [] if ast.get_docstring(tree) or not tree.body else [name]
    places: list[tuple[str, list[ast.stmt]]] = [(name, tree.body)]
    while places:
        owner, body = places.pop()
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or node.name == "Meta" or _inherits_meaning(node):
                continue
            if not ast.get_docstring(node):
                found.append(f"{owner}::{node.name}")
            if isinstance(node, ast.ClassDef):
                places.append((f"{owner}::{node.name}", node.body))
    return found


def _inherits_meaning(node: ast.stmt) -> bool:
    """An override or an overload says nothing new."""
    decorators = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])}
    return bool(decorators & {"override", "overload", "typing.override", "typing.overload"})


def test_everything_public_says_what_it_is() -> None:
    missing = [name for path in sources(tests=False) for name in undocumented(path) if name.split("/")[0] in APPS]

    assert missing == []


def test_nothing_is_left_for_later() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    paths = tracked("*.py", "*.html", "*.css", "*.js", "*.md", "*.toml", "*.yaml", "Makefile")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        if path.name != "test_style.py" and "vendor" not in path.parts and not path.name.endswith("pyproject.toml")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]

    assert found == []


def test_lock_files_name_no_registry() -> None:
    for path in tracked("requirements*.txt", "package-lock.json", "Makefile", "*.toml", "*.yaml", "Dockerfile"):
        text = path.read_text(encoding="utf-8")
        hosts = re.findall(r"https?://[^\s\"']*(?:pypi|npmjs|registry|pythonhosted|artifact)[^\s\"']*", text)
        assert hosts == [], path
        assert "--index-url" not in text.replace("--no-emit-index-url", ""), path


@pytest.mark.parametrize(
    "pattern",
    [
        r"<script(?![^>]*\bsrc=)",
        r"<style\b",
        r"\sstyle=[\"']",
        r"\son[a-z]+=[\"']",
        r"javascript:",
        r"\b(?:src|href)=[\"']https?://",
    ],
)
def test_templates_carry_nothing_inline_and_call_no_stranger(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in tracked("templates/*.html", "*/templates/*.html")
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_no_file_is_called_for_what_has_no_name() -> None:
    names = {"utils.py", "helpers.py", "common.py", "misc.py", "signals.py"}

    assert [path for path in sources(tests=True) if path.name in names or "common" in path.parts] == []
