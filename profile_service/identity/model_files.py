"""A trained model is kept in a folder of its own, which the pointer ``current`` may name."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from profile_service.errors import UnusableInput
from profile_service.identity.mixture import Mixture
from profile_service.identity.model import Frequencies, Model, Trained, declared_model, packaged_model

_DECLARATION, _NUMBERS, _FREQUENCIES, _POINTER = "model.toml", "trained.json", "frequencies.json", "current"
_CROWDED = "crowded names"
PRIVATE = 0o600  # names that people share and how often, and what else a declaration may name


def save_model(model: Model, models: Path, made_at: str) -> Model:
    """Store a trained model under ``models/<version>`` and let ``models/current`` name it; answers it with its version.

    The version is the date and a hash of all that decides a score; a model equal to one that is stored is that one.
    """
    if model.trained is None:
        raise ValueError("only a trained model is stored")
    trained = model.trained
    numbers = json.dumps(
        {
            "mixture": trained.mixture.as_table(),
            "generic_threshold": dict(trained.generic_threshold),
            "default_country": trained.default_country,
            "stop": trained.stop,
            "facts": dict(trained.facts),
        },
        indent=1,
        sort_keys=True,
    )
    counted: dict[str, Any] = {
        column: {"total": known.total, "counts": dict(known.counts)} for column, known in trained.frequencies.items()
    }
    if trained.crowded:
        counted[_CROWDED] = {str(name): times for name, times in trained.crowded.items()}
    frequencies = json.dumps(counted, sort_keys=True)
    digest = hashlib.sha256("\n".join((model.text, numbers, frequencies)).encode()).hexdigest()[:12]
    version = _stored_already(models, digest)
    if version is None:
        version = f"{made_at}-{digest}"
        folder = models / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((_DECLARATION, model.text), (_NUMBERS, numbers), (_FREQUENCIES, frequencies)):
            (folder / name).unlink(missing_ok=True)
            (folder / name).touch(PRIVATE, exist_ok=False)
            (folder / name).write_text(text, encoding="utf-8")
    shut_models(models)
    new_pointer = models / "current.new"
    new_pointer.write_text(version + "\n", encoding="utf-8")
    new_pointer.replace(models / _POINTER)
    return replace(model, version=version)


def shut_models(models: Path) -> None:
    """Shut the files of every model to other accounts, also of those stored before they were made so."""
    for name in (_DECLARATION, _NUMBERS, _FREQUENCIES):
        for path in models.glob(f"*/{name}"):
            if path.stat().st_mode & 0o077:
                with suppress(PermissionError):
                    path.chmod(PRIVATE)


def _stored_already(models: Path, digest: str) -> str | None:
    """The version of an equal model: who goes back to it resolves nobody anew. One that cannot be read is none."""
    for folder in sorted(models.glob(f"*-{digest}"), reverse=True):
        with suppress(UnusableInput):
            return load_model(folder).version
    return None


def standing_model(models: Path) -> Model | None:
    """The trained model that ``models/current`` names, or ``None`` before the first training."""
    if not model_stands(models):
        return None
    return load_model(models / str(standing_version(models)))


def standing_version(models: Path) -> str | None:
    """The version of the trained model that stands, without looking into it, or ``None``."""
    return (models / _POINTER).read_text(encoding="utf-8").strip() if model_stands(models) else None


def standing_or_packaged(models: Path) -> Model:
    """The trained model that stands, or the packaged one, which has learned nothing yet."""
    return standing_model(models) or packaged_model()


def model_stands(models: Path) -> bool:
    """Whether there has been a training."""
    return (models / _POINTER).exists()


def load_model(folder: Path) -> Model:
    """A stored model. Raises ``UnusableInput`` when the folder does not hold a whole one."""
    try:
        model = declared_model((folder / _DECLARATION).read_text(encoding="utf-8"))
        numbers = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
        frequencies = json.loads((folder / _FREQUENCIES).read_text(encoding="utf-8"))
        crowded = {int(name): float(times) for name, times in frequencies.pop(_CROWDED, {}).items()}
        trained = Trained(
            mixture=Mixture.from_table(numbers["mixture"]),
            frequencies={column: Frequencies(known["total"], known["counts"]) for column, known in frequencies.items()},
            generic_threshold=numbers["generic_threshold"],
            default_country=numbers["default_country"],
            stop=numbers["stop"],
            facts=numbers["facts"],
            crowded=crowded,
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, UnusableInput) as error:
        raise UnusableInput(
            f"the model in {folder} cannot be read ({type(error).__name__}: {error}): put it back as saved, "
            f"or remove {folder.parent / 'current'} and the next run learns a new one"
        ) from error
    return replace(model, trained=trained, version=folder.name)
