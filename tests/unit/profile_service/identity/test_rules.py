"""The text of the rules for reading values covers whatever decides on one."""

from __future__ import annotations

import ast
import sys
from importlib.resources import files

import pytest

from profile_service.identity import rules
from profile_service.identity.rules import LIBRARIES, RULES, reading_rules

PACKAGE = "profile_service.identity"
# the model is named beside the rules wherever they are
ELSEWHERE = {"model.py"}


def imported(name: str) -> set[str]:
    """The modules, of ours and of others, that a module of the package imports, by their first or last name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((files(PACKAGE) / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            names |= {f"{alias.name}.py" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            names.add(f"{(node.module or '').rpartition('.')[2]}.py")
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
    return names


@pytest.mark.parametrize("name", [name for name in RULES if name.endswith(".py")])
def test_what_a_rule_asks_is_among_the_rules(name: str) -> None:
    asked = imported(name)
    assert {each for each in asked if each.endswith(".py")} <= {*RULES, *ELSEWHERE}
    libraries = {each for each in asked if not each.endswith(".py") and each not in sys.stdlib_module_names}
    assert libraries - {"profile_service"} <= set(LIBRARIES)


def test_every_library_that_is_told_is_asked() -> None:
    asked = set().union(*(imported(name) for name in RULES if name.endswith(".py")))
    assert set(LIBRARIES) <= asked


def test_another_rule_or_library_is_another_text_a_comment_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def text() -> str:
        reading_rules.cache_clear()
        return reading_rules()

    usual, told = text(), rules._told
    monkeypatch.setattr(
        rules, "_told", lambda name, source: told(name, f"# said anew\n{source}" if name.endswith(".py") else source)
    )
    assert text() == usual
    monkeypatch.setattr(rules, "_told", lambda name, source: told(name, source.replace("0", "1")))
    assert text() != usual
    monkeypatch.setattr(rules, "_told", told)
    monkeypatch.setattr(rules, "version", lambda name: "99")
    assert text() != usual
    monkeypatch.undo()
    assert text() == usual
