"""Settings are checked before anything starts, and a wrong one is said in one line that names it."""

from __future__ import annotations

import stat
import threading
from dataclasses import fields
from pathlib import Path

import pytest

from profile_service.errors import LedgerUnavailable, WrongUsage
from profile_service.settings import Settings, ledger_file, ledger_of, load_settings


def test_nothing_said_is_the_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"PROFILES_PORT": "", "PATH": "/bin", "PROFILES_DEBUG": "1"}, {"host": None}) == Settings()
    assert Settings().ledger == Path("data/ledger.sqlite")


def test_options_stand_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('port = 1001\nhost = "::1"\nworkers = 3\nerase_in_background = false\n')
    said = {"PROFILES_SETTINGS": str(path), "PROFILES_PORT": "1002", "PROFILES_HOST": "0.0.0.0"}
    settings = load_settings(said, {"port": 1003, "workers": None})
    assert (settings.port, settings.host, settings.workers) == (1003, "0.0.0.0", 3)
    assert settings.erase_in_background is False


RIGHT = {
    "DATA_DIR": ("elsewhere", Path("elsewhere")),
    "LEDGER_URL": ("postgresql://h/db", "postgresql://h/db"),
    "REQUEST_TIMEOUT_SECONDS": ("2.5", 2.5),
    "LOG_LEVEL": ("debug", "DEBUG"),
    "DEFAULT_COUNTRY": ("au", "AU"),
    "RATE_LIMIT_PER_MINUTE": ("0", 0),
    "ERASE_IN_BACKGROUND": ("no", False),
    "SECRET": ("s" * 32, "s" * 32),
}


@pytest.mark.parametrize(("name", "text", "value"), [(name, *case) for name, case in RIGHT.items()])
def test_a_setting_is_read_as_what_it_means(name: str, text: str, value: object) -> None:
    assert getattr(load_settings({f"PROFILES_{name}": text}), name.lower()) == value


WRONG = [
    ("PORT", "eighty", "a whole number from 0 to 65535"),
    ("PORT", "70000", "a whole number from 0 to 65535"),
    ("PORT", "80.5", "a whole number"),
    ("WORKERS", "0", "from 1 to 256"),
    ("MAX_PAGE", "-1", "from 1"),
    ("REQUEST_TIMEOUT_SECONDS", "nan", "a number of seconds"),
    ("REQUEST_TIMEOUT_SECONDS", "inf", "a number of seconds"),
    ("LOG_LEVEL", "loud", "one of DEBUG, INFO"),
    ("DEFAULT_COUNTRY", "Australia", "two letters"),
    ("LEDGER_URL", "mysql://h/db", "postgresql://"),
    ("HOST", "a b", "an address"),
    ("ERASE_IN_BACKGROUND", "perhaps", "yes or no"),
    ("SECRET", "short", "at least 32"),
    ("PROT", "80", "no setting; there are: code_webhook, data_dir"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG, ids=[f"{name}={text}" for name, text, _ in WRONG])
def test_a_wrong_value_is_named(name: str, text: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=said) as refused:
        load_settings({f"PROFILES_{name}": text})
    assert f"PROFILES_{name}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["SECRET", "LEDGER_URL"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        load_settings({f"PROFILES_{name}": "mysql://me:hush@h"})
    assert "hush" not in str(refused.value)


FILES = {"no TOML": "port: 80", "a wrong type": "port = true", "a list": "port = [80]", "unknown": "prot = 80"}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(WrongUsage, match=r"settings\.toml"):
        load_settings({"PROFILES_SETTINGS": str(path)})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"gone\.toml cannot be read"):
        load_settings({"PROFILES_SETTINGS": str(tmp_path / "gone.toml")})


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(WrongUsage, match="more than max_page"):
        load_settings({"PROFILES_DEFAULT_PAGE": "100", "PROFILES_MAX_PAGE": "50"})


def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(WrongUsage, match=r"--data-dir .* must be a folder"):
        load_settings({}, {"data_dir": tmp_path / "data"})


def test_the_secret_is_made_once_by_whoever_comes_first_and_is_its_owners_alone(tmp_path: Path) -> None:
    settings, made, ready = Settings(data_dir=tmp_path / "data"), [], threading.Barrier(8)

    def make() -> None:
        ready.wait()
        made.append(settings.server_secret())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert Settings(data_dir=tmp_path, secret="s" * 40).server_secret() == b"s" * 40


def test_a_secret_that_was_lost_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    with pytest.raises(WrongUsage, match="put back the one saved"):
        Settings(data_dir=tmp_path).server_secret()


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    settings = Settings(secret="s" * 40, ledger_url="postgresql://me:hush@h/db")
    assert "sss" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("ledger", "file"),
    [
        (Path("a.sqlite"), Path("a.sqlite")),
        ("a.sqlite", Path("a.sqlite")),
        ("sqlite:///a.sqlite", Path("a.sqlite")),
        ("sqlite:////srv/a.sqlite", Path("/srv/a.sqlite")),
        ("postgresql://db/a.sqlite", None),
    ],
)
def test_a_ledger_in_sqlite_is_known_by_its_file(ledger: str | Path, file: Path | None) -> None:
    assert ledger_file(ledger) == file


def test_only_the_ledger_of_the_data_directory_may_be_missing(tmp_path: Path) -> None:
    usual = tmp_path / "ledger.sqlite"
    for named in (None, usual, str(usual), f"sqlite:///{usual}"):
        assert ledger_of(tmp_path, named) is None, "none was made there yet"
    assert ledger_of(tmp_path, "postgresql://db/profiles") == "postgresql://db/profiles"
    with pytest.raises(WrongUsage, match=r"there is no ledger at .*other\.sqlite"):
        ledger_of(tmp_path, f"sqlite:///{tmp_path}/other.sqlite")
    (tmp_path / "other.sqlite").write_bytes(b"something")
    assert ledger_of(tmp_path, str(tmp_path / "other.sqlite")) == str(tmp_path / "other.sqlite")


def test_a_named_ledger_that_is_empty_or_out_of_reach_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.sqlite").touch()
    (tmp_path / "circle.sqlite").symlink_to("circle.sqlite")
    with pytest.raises(WrongUsage, match=f"there is no ledger at {tmp_path}/cut.sqlite"):
        ledger_of(tmp_path / "data", "cut.sqlite")
    with pytest.raises(WrongUsage, match="there is no ledger at"):
        ledger_of(tmp_path / "data", "cut.sqlite/ledger.sqlite")
    for unreachable in ("circle.sqlite", "long" * 100):
        with pytest.raises(LedgerUnavailable, match="cannot be opened"):
            ledger_of(tmp_path / "data", unreachable)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/u:hush@db/profiles",
        "postgresql:u:hush@db/profiles",
        "POSTGRESQL://u:hush@db/profiles",
        " postgresql://u:hush@db/profiles",
        "sqlite:/srv/hush.sqlite",
        "sqlite://",
        "sqlite:///.",
    ],
)
def test_what_is_nearly_a_url_is_no_ledger_and_is_not_repeated(url: str) -> None:
    with pytest.raises(WrongUsage, match="it must be a path, or a postgresql:// URL") as refused:
        load_settings({"PROFILES_LEDGER_URL": url})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("url", ["a:b.sqlite", "sqlite", "sqlite:///a.sqlite", "sqlite://a.sqlite", "postgresql://"])
def test_a_path_and_a_whole_url_are_taken_as_they_are(url: str) -> None:
    assert load_settings({"PROFILES_LEDGER_URL": url}).ledger == url


def test_every_setting_is_documented_with_its_default() -> None:
    text = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text(encoding="utf-8")
    for each in fields(Settings):
        default: object = each.default
        if isinstance(default, bool):
            default = "yes" if default else "no"
        shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`" if str(default) else ""
        assert f"| `PROFILES_{each.name.upper()}` | {shown} |".replace("|  |", "| |") in text, each.name
