"""The laws of the house: who may import whom, how long a file and a signature may be, what nothing may be called."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("profile_service", "pipelines")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 350
MOST_ARGUMENTS = 5
FORBIDDEN_NAMES = re.compile(r"\b(utils?|helpers?|managers?|process)\b", re.IGNORECASE)

# One outside package, one room: its modules alone may import it.
ROOMS = {
    "flask": ("profile_service.api", "profile_service.app", "profile_service.console"),
    "flask_smorest": ("profile_service.api", "profile_service.app"),
    "webargs": ("profile_service.api", "profile_service.app"),
    "sqlalchemy": ("profile_service.store.ledger",),
    "granian": ("pipelines.serve",),
    "httpx": ("profile_service.client", "profile_service.send_code"),
    "marshmallow": ("profile_service.contracts",),
    "pyspark": ("pipelines.engines.spark",),
    "rich": (
        "pipelines.progress",
        "pipelines.summary",
        "pipelines.terminal",
        "pipelines.evaluate",
        "pipelines.waterfall",
        "pipelines.changes_drawn",
        "pipelines.generic_drawn",
        "pipelines.merges_drawn",
        "pipelines.model_report.text",
    ),
    "click": (
        "pipelines.cli",
        "pipelines.cli_explain",
        "pipelines.cli_model",
        "pipelines.cli_options",
        "pipelines.cli_generic",
        "pipelines.cli_labels",
        "pipelines.cli_privacy",
        "pipelines.cli_traits",
        "pipelines.cli_service",
        "pipelines.cli_users",
    ),
    "jinja2": ("pipelines.model_report.page",),
    "matplotlib": ("pipelines.model_report.plots",),
    "authlib": ("profile_service.openid",),
    "joserfc": ("profile_service.openid",),
    "requests": ("profile_service.openid",),
    "argon2": ("profile_service.users",),
    "recordlinkage": ("pipelines.engines", "pipelines.evaluate"),
    "sklearn": ("pipelines.engines",),
}
# What the service's process may not load: their import takes seconds.
HEAVY = ("pandas", "recordlinkage")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


KNOWN = frozenset(module_name(path) for path in MODULES)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, *, at_top: bool = False) -> set[str]:
    """Absolute names of the modules that a file imports; ``at_top``: only when it is itself imported."""
    nodes: list[ast.AST] = list(ast.walk(tree(path)))
    if at_top:
        nodes = list(tree(path).body)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` needs that module; any other name needs the package itself
            names |= inner if inner <= KNOWN else inner | {node.module}
    return names


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_room_allows(path: Path) -> None:
    name = module_name(path)
    outside = {found.split(".")[0] for found in imported(path)}
    assert not (name.startswith("profile_service") and "pipelines" in outside), "the service imports no pipeline"
    assert not (name.startswith("profile_service") and outside & set(HEAVY)), "too heavy for the service"
    strays = {package for package, rooms in ROOMS.items() if package in outside and not within(name, rooms)}
    assert not strays


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module_name(path): imported(path, at_top=True) & KNOWN - {module_name(path)} for path in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_is_short_and_opens_with_one_sentence(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    said = ast.get_docstring(tree(path))
    assert said, "a module says its reach"
    first = said.split("\n\n")[0]
    assert first.endswith((".", "?")), "the first paragraph is a sentence"
    assert not re.search(r"\.\s+[A-Z]", first), "one sentence, not two"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_function_takes_at_most_five_arguments(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            counted = [argument.arg for argument in taken if argument.arg not in ("self", "cls")]
            assert len(counted) <= MOST_ARGUMENTS, f"{node.name}({', '.join(counted)})"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_names_say_what_a_thing_does(path: Path) -> None:
    assert not FORBIDDEN_NAMES.search(module_name(path).replace("_", " "))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", node.name).replace("_", " ")
            assert not FORBIDDEN_NAMES.search(words), node.name


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


# spelled in parts, so that this file does not hold what it looks for
MACHINE = re.compile(r"(?<![\w>])/(?:home|root|work|Users)/|pypi" + r"\.org|index" + "-url")
UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|X" + "XX|NotImplemented" + r"Error)\b")


def test_no_file_names_a_machine_or_leaves_work_for_later() -> None:
    wrong = []
    for path in tracked_files():
        if path.suffix in {".py", ".md", ".toml", ".txt", ".sql", ".svg", ""} and "data" not in path.parts:
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), start=1):
                if MACHINE.search(line) or UNFINISHED.search(line):
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not wrong


def test_the_constraints_file_holds_exact_versions_and_nothing_else() -> None:
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9.-]+==[0-9][A-Za-z0-9.]*", line), line


def test_every_warehouse_relation_and_column_says_what_it_means() -> None:
    from profile_service.store.schema import RELATIONS

    for relation in RELATIONS:
        assert relation.comment.strip(), relation.name
        for column in relation.columns:
            assert column.comment.strip(), f"{relation.name}.{column.name}"
