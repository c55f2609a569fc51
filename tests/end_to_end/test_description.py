"""The served OpenAPI description is true: thousands of calls made from it, and every answer is as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from profile_service.keys import SCOPES
from tests.end_to_end.served import new_key, served
from tests.service_app import borrowed

# A body that is too large is refused for that, whatever else is wrong with it.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429]
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


@pytest.mark.slow
def test_no_call_fails_and_no_answer_is_undescribed(published: Path, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    with served(borrowed(published, tmp_path / "data"), tmp_path / "log", PROFILES_ERASE_IN_BACKGROUND="no") as server:
        key = new_key(server.data_dir, "tester", *SCOPES, options=("--trusted",))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                *("--config-file", tmp_path / "schemathesis.toml"),
                *("run", f"{server.address}/openapi.json", "--header", f"Authorization: Bearer {key}"),
                *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "30", "--seed", "7", "--suppress-health-check", "all", "--continue-on-failure"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            cwd=tmp_path,
        )
    told = "\n".join(line[:300] for line in done.stdout.splitlines())
    assert done.returncode == 0, told
    assert '"level":"error"' not in server.log.read_text()
