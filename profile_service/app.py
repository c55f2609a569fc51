"""The service as one Flask application over a data directory and its ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Flask

from profile_service.api.application import build
from profile_service.api.calls import Frame
from profile_service.api.logs import Log
from profile_service.api.metrics import Metrics
from profile_service.api.rates import RATES, Rates
from profile_service.api.rendered import Rendered
from profile_service.api.tally import Tally
from profile_service.api.watch import Watcher
from profile_service.audit import Audit
from profile_service.console.guard import Desks
from profile_service.journal import ReadJournal
from profile_service.keys import Keys
from profile_service.settings import Settings
from profile_service.users import Lifetimes, Users
from profile_service.verify import Verifier
from profile_service.world import World

if TYPE_CHECKING:
    from profile_service.openid import OpenId

CLOSE = "profile_service.close"


def create_app(settings: Settings) -> Flask:
    """The application over a data directory and its ledger, with its own threads running; ``close`` ends them.

    Raises WrongUsage for a secret that cannot be read, LedgerUnavailable, and NotFound for a generation that was
    published without what the service reads. Without any generation it runs, and answers 503 until one stands.
    """
    world = World.open(settings)
    secret = settings.server_secret()
    audit = Audit(world.ledger, secret)
    journal = ReadJournal(world.ledger, audit, settings.journals, settings.journal_seconds)
    metrics, log = Metrics(), Log(settings.log_level)
    frame = Frame(
        settings=settings,
        ledger=world.ledger,
        keys=Keys(world.ledger, secret),
        world=world,
        journal=journal,
        audit=audit,
        rates=Rates(settings.data_dir / RATES),
        metrics=metrics,
        log=log,
        tally=Tally(metrics, log),
        rendered=Rendered(),
        clock=lambda: datetime.now(UTC),
        desks=Desks(
            Users(world.ledger, secret, Lifetimes(settings.session_idle, settings.session_whole)),
            Verifier(secret),
            tls=settings.public_url.startswith("https:"),
            openid=_openid(settings),
            provider_name=settings.openid_name if settings.openid_issuer else "",
        ),
    )
    journal.start()
    watcher = Watcher(frame)
    watcher.start()
    frame.tally.start()
    app = build(frame)

    def close() -> None:
        watcher.stop()
        journal.stop()
        world.close()
        frame.tally.stop()

    app.extensions[CLOSE] = close
    return app


def _openid(settings: Settings) -> OpenId | None:
    if not settings.openid_issuer:
        return None
    # a third of a second of imports that only who signs in so needs
    from profile_service.openid import OpenId, Provider

    called_back_at = f"{settings.public_url}/console/openid/back"
    return OpenId(
        Provider(settings.openid_issuer, settings.openid_client_id, settings.openid_client_secret, called_back_at)
    )
