"""The command line: exit statuses, one-line errors, and help that answers at once."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipelines import cli
from profile_service.errors import NotEnoughDisk, NotFound, RunLocked, UnusableInput

PROFILES = str(Path(sys.executable).with_name("profiles"))
COMMANDS = ("run", "simulate", "evaluate", "train", "report", "model", "explain", "changes")


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    return int(exit_.value.code or 0)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("pipelines.run.run", broken)


INTERRUPTED = "profiles: interrupted; what stood before still stands"
ERRORS = [
    ("a full disk", NotEnoughDisk("the disk is full"), 1, "profiles: the disk is full"),
    ("a lock", RunLocked("run x is at work"), 2, "profiles: run x is at work"),
    ("unusable input", UnusableInput("no feed"), 2, "profiles: no feed"),
    ("a thing not there", NotFound("no record"), 2, "profiles: no record"),
    ("the unforeseen", ValueError("a\nb"), 1, "profiles: ValueError: a b (run again with --debug for the traceback)"),
    ("Ctrl-C", KeyboardInterrupt(), 130, INTERRUPTED),
    ("Ctrl-C in DuckDB", RuntimeError("Query interrupted"), 130, INTERRUPTED),
]  # fmt: skip


@pytest.mark.parametrize(("error", "status", "line"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_an_error_is_one_line_with_its_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("PROFILES_DEBUG", raising=False)
    fail_with(monkeypatch, error)
    assert ended("run", str(tmp_path)) == status
    # click first ends the line on which a terminal has shown ^C
    assert capsys.readouterr().err.lstrip("\n") == line + "\n"


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_traceback_is_shown_only_when_asked_for(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fail_with(monkeypatch, ValueError("boom"))
    if way == "environment":
        monkeypatch.setenv("PROFILES_DEBUG", "1")
    assert ended(*(["--debug"] if way == "option" else []), "run", str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("profiles: ValueError: boom")


WRONG = [
    (["run"], "profiles run: Missing argument 'LANDING'. Try 'profiles run --help'."),
    (["run", "x", "--keep", "0"], "--keep"),
    (["run", "x", "--wrong"], "No such option"),
    (["fly"], "No such command"),
    (["evaluate"], "Missing option '--truth'"),
    (["explain"], "Missing argument"),
    (["changes", "1", "2", "3"], "unexpected extra argument"),
    (["train", "--model"], "requires an argument"),
    (["simulate", "out"], "Missing option '--records'"),
    (["simulate", "out", "--records", "many"], "not a valid integer"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(case[0]) for case in WRONG])
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_no_command_at_all_shows_the_help_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended() == 2
    said = capsys.readouterr()
    assert said.err.startswith("Usage: profiles [OPTIONS] COMMAND")
    assert "\n  train " in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_of_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(command, "--help") == 0
    help_text = capsys.readouterr().out
    assert "Examples:" in help_text
    assert help_text.count(f"profiles {command}") >= 2


def groups(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from groups(command, *path, name)


@pytest.mark.parametrize("group", list(groups(cli.cli)), ids=" ".join)
def test_no_list_of_commands_is_cut_off_on_a_narrow_terminal(
    group: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert ended(*group, "--help") == 0
    listed = capsys.readouterr().out.partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines()
    assert listed
    assert not [line for line in listed if line.endswith("...")]


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version") == 0
    assert capsys.readouterr().out.startswith("profiles, version 0.")


def test_help_loads_none_of_the_stages() -> None:
    seen = (
        "import sys; from pipelines import cli; print(*[m for m in ('duckdb', 'numpy', 'pandas') if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
    assert min(_cpu_seconds_for_help() for _ in range(3)) < 0.3


def _cpu_seconds_for_help() -> float:
    """Seconds of work, not of waiting: other work on the machine decides nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROFILES, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
