"""What the documents tell people to type works, as it stands there, on the sample."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb
import pytest

from pipelines.cli import cli
from tests.end_to_end import worlds

DOCUMENTS = [worlds.ROOT / "README.md", *sorted((worlds.ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (path.name, text)
        for path in DOCUMENTS
        for tag, text in BLOCK.findall(path.read_text(encoding="utf-8"))
        if tag == language
    ]


QUERIES = blocks("sql")
COMMANDS = [
    (name, line)
    for name, text in blocks("sh")
    for line in text.splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize(("name", "query"), QUERIES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(QUERIES)])
def test_a_documented_query_answers_something(name: str, query: str, sample: Path) -> None:
    with worlds.published(sample) as warehouse:
        assert warehouse.execute(query).fetchall()


def test_documented_python_opens_the_warehouse(sample: Path) -> None:
    for _, text in blocks("python"):
        assert "data/customers.duckdb" in text
        shown: list[object] = []
        exec(text.replace("data/customers.duckdb", str(sample / "customers.duckdb")), {"print": shown.append})
        assert all(isinstance(one, duckdb.DuckDBPyRelation) for one in shown)


def test_documented_commands_run_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(worlds.SAMPLE)
    worlds.run(worlds.SAMPLE, tmp_path / "data")
    for name, line in COMMANDS:
        words = shlex.split(line)
        if words[0] == "profiles":
            ended = worlds.profiles(*words[1:], data_dir=tmp_path / "data", cwd=tmp_path)
            assert ended.status == 0, f"{name}: {line}: {ended.err}"


def test_documented_targets_are_in_the_makefile() -> None:
    makefile = (worlds.ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = {word for _, line in COMMANDS if line.startswith("make") for word in line.split()[1:]}
    assert wanted
    for target in wanted:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def _inner_commands() -> Iterator[click.Command]:
    """Those below another, such as `profiles users create`."""
    for command in cli.commands.values():
        if isinstance(command, click.Group):
            yield from command.commands.values()


def test_documents_name_only_commands_and_options_that_exist() -> None:
    options = {"--help", "--version", "--debug"}
    for command in [*cli.commands.values(), *_inner_commands()]:
        names = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
        options |= {name for name in names if name.startswith("--")}
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for command in re.findall(r"`profiles ([a-z]+)", text):
            assert command in cli.commands, f"{path.name}: profiles {command}"
        for option in re.findall(r"`(--[a-z-]+)", text):
            assert option in options, f"{path.name}: {option}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_relation_and_column_of_the_warehouse_carries_a_comment(sample: Path) -> None:
    with worlds.published(sample) as warehouse:
        silent = warehouse.execute(
            """SELECT table_name, NULL FROM duckdb_tables() WHERE comment IS NULL
            UNION ALL SELECT view_name, NULL FROM duckdb_views() WHERE comment IS NULL AND NOT internal
            UNION ALL SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"""
        ).fetchall()
    assert silent == []
