"""A request finds its view in the application's own route table, without what Flask puts around every view.

Flask's contexts and Werkzeug's matching cost as much as a look-up. A view of this API is given all it needs as
arguments; whatever fits no route of it plainly (another method, a slash too many, nothing at all) is Flask's to answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Flask, Response
from werkzeug.routing import BaseConverter, Map, Rule, UnicodeConverter

from profile_service.errors import WrongUsage

# Words that stand where other routes have a name.
_NO_NAME = r"(?!(?:lookup|search|by)(?:/|\Z))"
# written so, {1,}: flask-smorest reads lengths out of it
_NAME = _NO_NAME + r"[^/]{1,}"
_PATTERNS: Mapping[str, str] = {"default": _NAME, "path": r"[^/](?:.*[^/])?"}
_VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
_FLASKS_OWN = "OPTIONS"

View = Callable[..., Response]


class Name(UnicodeConverter):
    """A part of a path that names something: none of the words that stand in its place in other routes."""

    def __init__(self, map: Map) -> None:
        super().__init__(map)
        self.regex = _NAME


class Found(NamedTuple):
    """The view of a request, what its path says, and the template of its route."""

    view: View
    named: dict[str, str]
    route: str


class _Known(NamedTuple):
    view: View
    names: tuple[str, ...]
    route: str


class RouteTable:
    """The routes of an application whose views can be called with a WSGI environment (``view.answer``).

    One expression a method holds all its routes; a path finds in it the one that Werkzeug's map would find, or none.
    """

    def __init__(self, app: Flask) -> None:
        """Raises WrongUsage for a rule with a converter that is not known here."""
        by_method: dict[str, list[tuple[Rule, View]]] = {}
        for rule in app.url_map.iter_rules():
            view = getattr(app.view_functions[rule.endpoint], "answer", None)
            if view is not None:
                for method in (rule.methods or set()) - {_FLASKS_OWN}:
                    by_method.setdefault(method, []).append((rule, view))
        self._methods = {method: _compiled(rules) for method, rules in by_method.items()}

    def find(self, method: str, path: str) -> Found | None:
        """The view for a path; None where no route fits it plainly."""
        compiled = self._methods.get(method)
        fits = None if compiled is None else compiled[0].fullmatch(path)
        if compiled is None or fits is None or fits.lastindex is None:
            return None
        # the group around a whole rule is the last to close
        place = fits.lastindex
        view, names, route = compiled[1][place]
        return Found(view, {name: fits[place + after] for after, name in enumerate(names, 1)}, route)


def path_of(environ: Mapping[str, Any]) -> str:
    """The path that was asked for, as text; what is no UTF-8 in it becomes U+FFFD."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin1").decode("utf-8", "replace")


def _compiled(rules: list[tuple[Rule, View]]) -> tuple[re.Pattern[str], dict[int, _Known]]:
    # plain words before names, names before the rest of a path, as Werkzeug weighs them
    ordered = sorted(rules, key=lambda each: (_converters(each[0]).count("path"), len(_converters(each[0]))))
    patterns, known, place = [], {}, 1
    for rule, view in ordered:
        names = tuple(name for _, name in _VARIABLE.findall(rule.rule))
        patterns.append(f"({_pattern(rule)})")
        known[place] = _Known(view, names, rule.rule)
        place += 1 + len(names)
    return re.compile("|".join(patterns)), known


def _converters(rule: Rule) -> list[str]:
    return [converter or "default" for converter, _ in _VARIABLE.findall(rule.rule)]


def _pattern(rule: Rule) -> str:
    unknown = sorted(set(_converters(rule)) - _PATTERNS.keys())
    if unknown:
        raise WrongUsage(f"{rule.rule}: there is no pattern for {unknown[0]}; {BaseConverter.__name__}s need one here")
    written, at = "", 0
    for variable in _VARIABLE.finditer(rule.rule):
        written += re.escape(rule.rule[at : variable.start()]) + f"({_PATTERNS[variable[1] or 'default']})"
        at = variable.end()
    return written + re.escape(rule.rule[at:])
