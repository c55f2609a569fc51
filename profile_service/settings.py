"""How the service is set up: from the environment, a TOML file and the command line, checked before anything starts."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from profile_service.errors import LedgerUnavailable, WrongUsage

PREFIX = "PROFILES_"
FILE = "PROFILES_SETTINGS"
SECRET_FILE = "secret"
LEDGER_FILE = "ledger.sqlite"
FORGOTTEN = "erasures.jsonl"  # beside the ledger
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_UNSPOKEN = ("secret", "ledger_url", "code_webhook", "openid_client_secret")  # what no error repeats
LEDGER_SCHEMES = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")
_SHORTEST_SECRET = 32  # characters


@dataclass(frozen=True)
class Settings:
    """Every setting of the service; each is named ``PROFILES_<NAME>`` in the environment and ``name`` in the file."""

    data_dir: Path = Path("data")
    ledger_url: str = field(default="", repr=False)  # empty: DIR/ledger.sqlite; may hold a password
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    threads: int = 4  # a worker
    secret: str = field(default="", repr=False)  # empty: DIR/secret, made at the first need
    max_body_bytes: int = 1_048_576
    max_batch: int = 1000  # events in one request
    default_page: int = 50
    max_page: int = 500
    request_timeout_seconds: float = 10.0
    ledger_wait_seconds: float = 5.0  # for a write's turn
    rate_limit_per_minute: int = 0  # of a key that has no limit of its own; 0: none
    log_level: str = "INFO"
    default_country: str = ""  # ISO 3166 alpha-2 for phone numbers without a country; empty: the model's
    follow_seconds: float = 0.2  # between two looks for a new generation
    journal_seconds: float = 0.1  # between two foldings of reads into the audit trail
    erase_in_background: bool = True  # remove erased people from the files too, while serving
    public_url: str = (
        ""  # where people reach the service, such as https://profiles.example.com; empty: by host and port
    )
    session_idle_minutes: int = 30  # after which an unused session at the console ends
    session_hours: int = 10  # after which any session ends
    openid_issuer: str = ""  # the OpenID Connect provider that signs users in too; empty: passwords alone
    openid_client_id: str = ""
    openid_client_secret: str = field(default="", repr=False)
    openid_name: str = "OpenID"  # what the button is called
    code_webhook: str = field(default="", repr=False)  # where one-time codes are posted to be sent; empty: none are

    @property
    def ledger(self) -> str | Path:
        """What ``Ledger.open`` takes."""
        return self.ledger_url or self.data_dir / LEDGER_FILE

    @property
    def session_idle(self) -> timedelta:
        """How long a session at the console lasts unused."""
        return timedelta(minutes=self.session_idle_minutes)

    @property
    def session_whole(self) -> timedelta:
        """How long a session lasts at most."""
        return timedelta(hours=self.session_hours)

    @property
    def models(self) -> Path:
        """The folder of the model versions."""
        return self.data_dir / "models"

    @property
    def journals(self) -> Path:
        """The folder of the journals of reads."""
        return self.data_dir / "audit"

    def server_secret(self) -> bytes:
        """The secret that keys and the audit trail are sealed with: as set, or kept in ``DIR/secret`` (0600).

        Raises ``WrongUsage`` when the file cannot be read or does not hold a secret.
        """
        return self.secret.encode() if self.secret else _secret_in(self.data_dir / SECRET_FILE)


def ledger_file(ledger: str | Path) -> Path | None:
    """The file of a ledger in SQLite, by its path or URL; None for one in a database of another kind."""
    if isinstance(ledger, Path) or "://" not in ledger:
        return Path(ledger)
    scheme, _, rest = ledger.partition("://")
    return Path(rest.removeprefix("/")) if scheme == "sqlite" else None


def ledger_of(data_dir: Path, ledger: str | Path | None) -> str | Path | None:
    """Where the ledger is, for who does not begin one: ``ledger``, its path or URL, else the one in ``data_dir``.

    None where that one was never made; where it is gone, and the erasures beside it stand, it is to be begun anew.
    Raises WrongUsage for another file that is not there or holds nothing: an empty ledger in its place would know of
    nobody who is erased. Raises LedgerUnavailable where that cannot be told.
    """
    usual = data_dir / LEDGER_FILE
    file = ledger_file(where := ledger or usual)
    if file is None or _holds_something(file):
        return where
    # unlike Path.resolve, it takes links that lead in a circle
    if os.path.realpath(file) == os.path.realpath(usual):
        return where if file.with_suffix(f".{FORGOTTEN}").exists() else None
    raise WrongUsage(
        f"there is no ledger at {file.absolute()} (PROFILES_LEDGER_URL, or ledger_url in the file of settings), and "
        "nothing else knows who is erased: mend its name; a new one is made by `profiles serve` and by `profiles keys "
        "create`"
    )


def _holds_something(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {file} cannot be opened: {error.strerror}") from error


def load_settings(environment: Mapping[str, str], given: Mapping[str, Any] | None = None) -> Settings:
    """Settings: ``given`` (a command's options, ``None`` = not said) over ``environment`` over the file over defaults.

    The file is named by ``PROFILES_SETTINGS``. Raises ``WrongUsage`` that names the setting, what it was, what it may
    be; an unknown name in the file, or one of the environment that begins with ``PROFILES_``, is an error too.
    """
    values: dict[str, Any] = {}
    if environment.get(FILE):
        values |= _from_file(Path(environment[FILE]))
    values |= _from_environment(environment)
    for name, value in (given or {}).items():
        if value is not None:
            values[name] = _checked(name, value, f"--{name.replace('_', '-')}")
    settings = Settings(**values)
    if settings.openid_issuer and not (settings.openid_client_id and settings.public_url):
        raise WrongUsage("openid_issuer needs openid_client_id, and public_url for the way back")
    if settings.default_page > settings.max_page:
        raise WrongUsage(f"default_page is {settings.default_page}, more than max_page, {settings.max_page}")
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{FILE}: {path} cannot be read: {error}") from error
    return {name: _checked(name, value, f"{path}: {name}") for name, value in table.items()}


# Read by other parts of the program.
_OTHERS = ("PROFILES_SETTINGS", "PROFILES_DEBUG")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        variable.removeprefix(PREFIX).lower(): _checked(variable.removeprefix(PREFIX).lower(), value, variable)
        for variable, value in sorted(environment.items())
        if variable.startswith(PREFIX) and variable not in _OTHERS and value != ""
    }


def _checked(name: str, value: Any, said_by: str) -> Any:
    """``value`` as its setting's type; ``said_by`` is how the error names it."""
    check = _CHECKS.get(name)
    if check is None:
        raise WrongUsage(f"{said_by} is no setting; there are: {', '.join(sorted(_CHECKS))}")
    try:
        return check(value)
    except (ValueError, TypeError) as error:
        shown = (
            "what it is" if name in ("secret", "ledger_url", "code_webhook", "openid_client_secret") else repr(value)
        )
        raise WrongUsage(f"{said_by} cannot be {shown}: it must be {error}") from None


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        said = f"a whole number from {least} to {most}"
        try:
            number = int(str(value)) if not isinstance(value, bool) else least - 1
        except ValueError:
            raise ValueError(said) from None
        if not least <= number <= most:
            raise ValueError(said)
        return number

    return check


def _seconds(least: float, most: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        said = f"a number of seconds from {least:g} to {most:g}"
        try:
            number = float(str(value))
        except ValueError:
            raise ValueError(said) from None
        if not least <= number <= most:
            raise ValueError(said)
        return number

    return check


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if str(value).upper() not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return str(value).upper()

    return check


def _yes_or_no(value: Any) -> bool:
    said = str(value).lower()
    if said not in ("1", "0", "true", "false", "yes", "no", "on", "off"):
        raise ValueError("yes or no")
    return said in ("1", "true", "yes", "on")


def _country(value: Any) -> str:
    if value and not (len(str(value)) == 2 and str(value).isascii() and str(value).isalpha()):
        raise ValueError("two letters, such as AU")
    return str(value).upper()


def _host(value: Any) -> str:
    if not str(value) or any(letter.isspace() or letter == "/" for letter in str(value)):
        raise ValueError("an address to listen on, such as 127.0.0.1 or 0.0.0.0")
    return str(value)


def _folder(value: Any) -> Path:
    path = Path(str(value))
    if path.exists() and not path.is_dir():
        raise ValueError("a folder")
    return path


def _ledger_url(value: Any) -> str:
    text = str(value)
    scheme, colon, rest = text.partition(":")
    # postgresql:/… is no path: a file would be made of that name, and errors would tell its password
    is_url = "://" in text or (colon and scheme.strip().lower() in LEDGER_SCHEMES)
    whole = scheme in LEDGER_SCHEMES and rest.startswith("//") and (scheme != "sqlite" or rest.strip("/."))
    if is_url and not whole:
        raise ValueError("a path, or a postgresql:// URL")
    return text


def _text(value: Any) -> str:
    if not str(value).isprintable() or len(str(value)) > 500:
        raise ValueError("text of at most 500 characters")
    return str(value)


def _webhook(value: Any) -> str:
    parts = urlsplit(str(value))
    if value and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ValueError("an address, such as https://messages.example.com/codes")
    return str(value)


def _public_url(value: Any) -> str:
    parts = urlsplit(str(value))
    if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query):
        raise ValueError("an address without a path, such as https://profiles.example.com")
    return str(value).rstrip("/")


def _secret(value: Any) -> str:
    if value and len(str(value)) < _SHORTEST_SECRET:
        raise ValueError(f"at least {_SHORTEST_SECRET} characters long")
    return str(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "data_dir": _folder,
    "ledger_url": _ledger_url,
    "host": _host,
    "port": _whole(0, 65_535),
    "workers": _whole(1, 256),
    "threads": _whole(1, 256),
    "secret": _secret,
    "max_body_bytes": _whole(1_024, 1 << 30),
    "max_batch": _whole(1, 100_000),
    "default_page": _whole(1, 10_000),
    "max_page": _whole(1, 10_000),
    "request_timeout_seconds": _seconds(0.1, 600),
    "ledger_wait_seconds": _seconds(0.01, 600),
    "rate_limit_per_minute": _whole(0, 100_000_000),
    "log_level": _one_of(*LOG_LEVELS),
    "default_country": _country,
    "follow_seconds": _seconds(0.01, 60),
    "journal_seconds": _seconds(0.01, 60),
    "erase_in_background": _yes_or_no,
    "public_url": _public_url,
    "session_idle_minutes": _whole(1, 1_440),
    "session_hours": _whole(1, 168),
    "code_webhook": _webhook,
    "openid_issuer": _webhook,
    "openid_client_id": _text,
    "openid_client_secret": _text,
    "openid_name": _text,
}

assert set(_CHECKS) == {each.name for each in fields(Settings)}


def _secret_in(path: Path) -> bytes:
    """The secret kept at ``path``; made by whoever comes first, whole or not at all."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                # a link is made only where nothing is: two that start at once keep one secret
                os.link(made, path)
            except FileExistsError:
                pass
            finally:
                made.unlink()
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise WrongUsage(f"the server's secret {path} cannot be read: {error}") from error
    if len(kept) < _SHORTEST_SECRET:
        raise WrongUsage(f"{path} holds no secret: put back the one saved, or every key must be made anew")
    return kept.encode()
