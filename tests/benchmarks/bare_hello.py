"""The least that Flask can do, for the look-ups to be compared with: ``hello`` from the same server."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """Five bytes."""
    return "hello"
