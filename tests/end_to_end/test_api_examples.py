"""The examples of docs/api.md and docs/stewards.md work as they stand there, one after the other, on a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import worlds
from tests.end_to_end.served import new_key, served

SCOPES = (
    "profiles:read",
    "profiles:search",
    "profiles:explain",
    "records:write",
    "events:write",
    "consents:write",
    "reviews",
    "privacy",
)
RUNNERS = {
    "bash": ["bash", "-euo", "pipefail", "-c"],
    "js": ["node", "--input-type=module", "-e"],
    "py": [sys.executable, "-c"],
}
TEXT = "\n".join((worlds.ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("api.md", "stewards.md"))
EXAMPLES = [
    (language, text) for language, text in re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.M | re.S) if language in RUNNERS
]


@pytest.fixture(scope="module")
def environment(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(published, folder / "data", symlinks=True)
    with served(folder / "data", folder / "log") as server:
        key = new_key(server.data_dir, "examples", *SCOPES, options=("--trusted",))
        yield {**os.environ, "SERVICE": server.address, "KEY": key}


def test_every_example_does_what_it_says(environment: dict[str, str]) -> None:
    assert {language for language, _ in EXAMPLES} == RUNNERS.keys()
    for language, text in EXAMPLES:
        runner = RUNNERS[language]
        if shutil.which(runner[0]) is None or (language == "bash" and shutil.which("jq") is None):
            continue  # what is not installed here cannot say anything
        done = subprocess.run([*runner, text], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        assert done.stdout.strip(), text
        assert "null" not in done.stdout.replace('"next_cursor": null', ""), f"{text}\n{done.stdout}"


def test_every_scope_of_the_examples_is_explained() -> None:
    for scope in SCOPES:
        assert f"`{scope}`" in TEXT
