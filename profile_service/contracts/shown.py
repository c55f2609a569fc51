"""The kinds of field that a view of a profile is made of, and how a view is compiled for answering fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marshmallow import Schema, fields

from profile_service.contracts.feeds import ALIASES
from profile_service.contracts.masks import hidden_fields, masked

Projection = Callable[[Any], Any]
_OTHER_NAMES = {other: field for field, others in ALIASES.items() for other in others}


class Text(fields.String):
    """Text, a date or an exact decimal: whatever JSON writes in quotes."""

    def __init__(self, meaning: str = "", **metadata: Any) -> None:
        """A text with its meaning; ``metadata`` goes into its OpenAPI schema, such as ``format="date-time"``."""
        if meaning:
            metadata["description"] = meaning
        super().__init__(allow_none=True, metadata=metadata)


class Number(fields.Float):
    """A number as JSON has it, shown as it stands."""

    def __init__(self, meaning: str = "", **metadata: Any) -> None:
        """A number with its meaning; ``metadata`` goes into its OpenAPI schema."""
        super().__init__(allow_none=True, metadata={"description": meaning, **metadata})

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Count(Number):
    """A whole number."""


class Masked(fields.Field[Any]):
    """A value that is not shown: an object says so, and hints at it."""

    def __init__(self, field: str) -> None:
        """Hide a value of ``field``."""
        super().__init__(metadata={"description": "Masked: this key may not read it."})
        self.field = field

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return masked(self.field, value)


class Named(fields.Field[Any]):
    """Facts about fields, each in its own shape: a mapping by field name, or a list whose items name their field.

    ``shape`` shows a fact; a fact about a hidden field is shown with its ``value`` (and ``compared``) masked, and
    without its ``runners_up``, which would tell it.
    """

    def __init__(self, shape: type[Schema], *, item: str | None = None, key: str | None = None, meaning: str) -> None:
        """Facts of ``shape``; ``item`` is the key that names the field of a list's item, ``None`` for a mapping."""
        super().__init__(data_key=key, attribute=key, metadata={"description": meaning})
        self.shape = shape
        self.item = item
        self.hidden: frozenset[str] = frozenset()

    def under(self, hidden: frozenset[str]) -> Named:
        """The same with the values of ``hidden`` fields masked."""
        other = Named(self.shape, item=self.item, key=self.data_key, meaning=self.metadata["description"])
        other.hidden = hidden
        return other

    def schema_of(self, field: str) -> Schema:
        """The schema for a fact about ``field``."""
        if field not in self.hidden:
            return self.shape()
        telling = tuple({"runners_up"} & self.shape._declared_fields.keys())
        meta = type("Meta", (), {"exclude": telling, "register": False})
        masks: dict[str, Any] = {
            name: Masked(field) for name in ("value", "compared") if name in self.shape._declared_fields
        }
        shape: type[Schema] = type(self.shape.__name__, (self.shape,), {**masks, "Meta": meta})
        return shape()

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        if self.item is None:
            return {name: self.schema_of(name).dump(fact) for name, fact in value.items()}
        return [self.schema_of(fact[self.item]).dump(fact) for fact in value]


class Further(fields.Dict):
    """What a channel said beyond the contract; values named as a hidden field, in any case and depth, are masked."""

    def __init__(self, meaning: str) -> None:
        """An object of any keys."""
        super().__init__(keys=fields.String(), allow_none=True, metadata={"description": meaning})
        self.hidden: frozenset[str] = frozenset()

    def under(self, hidden: frozenset[str]) -> Further:
        """The same with the values of ``hidden`` fields masked."""
        other = Further(self.metadata["description"])
        # the parts of an address are hidden one by one, and here it may be whole
        other.hidden = hidden | ({"address"} if "street" in hidden else frozenset())
        return other

    def project(self, value: Any) -> Any:
        """The value as it is shown."""
        if isinstance(value, Mapping):
            return {name: self._of(name, each) for name, each in value.items()}
        return [self.project(each) for each in value] if isinstance(value, list) else value

    def _of(self, name: str, value: Any) -> Any:
        plain = name.casefold()
        field = _OTHER_NAMES.get(plain, plain)
        return masked(field, value) if field in self.hidden else self.project(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return self.project(value) if self.hidden else value


def veiled(view: type[Schema], hidden: Iterable[str]) -> type[Schema]:
    """``view`` with the fields ``hidden``, and whatever would tell the same, masked wherever they stand in it."""
    names = hidden_fields(hidden)
    meta = type("Meta", (), {"register": False, "exclude": tuple(view.opts.exclude)})
    changed: dict[str, Any] = {"Meta": meta}
    for name, field in view._declared_fields.items():
        if name in names:
            changed[name] = Masked(name)
        elif isinstance(field, Named | Further):
            changed[name] = field.under(names)
        elif isinstance(field, fields.Nested):
            inner = veiled(type(field.schema), names)
            changed[name] = fields.Nested(inner, many=field.many, allow_none=field.allow_none)
    return type(view.__name__, (view,), changed)


def compiled(schema: Schema) -> Projection:
    """``schema.dump`` for a plain JSON document, as a closure of nested allow-lists: the same answer, far sooner.

    The document is not changed; what may be shown as it stands is not copied either.
    """
    names: list[str] = []
    masks: list[tuple[str, str]] = []
    shaped: list[tuple[str, Projection]] = []
    for declared, field in schema.dump_fields.items():
        name = field.data_key or declared
        names.append(name)
        projection = _projection(field)
        if isinstance(field, Masked):
            masks.append((name, field.field))
        elif projection is not None:
            shaped.append((name, projection))
    allowed = frozenset(names)

    def project(document: Any) -> Any:
        shown = document if document.keys() <= allowed else _only(document, allowed)
        for name, field in masks:
            if name in shown:
                if shown is document:
                    shown = document.copy()
                shown[name] = masked(field, shown[name])
        for name, projection in shaped:
            value = shown.get(name)
            # of nothing, and of an empty list, there is nothing to shape
            if value:
                changed = projection(value)
                if changed is not value:
                    if shown is document:
                        shown = document.copy()
                    shown[name] = changed
        return shown

    def pass_on(document: Any) -> Any:
        return document if document.keys() <= allowed else _only(document, allowed)

    return project if shaped or masks else pass_on


def _only(document: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    return {name: document[name] for name in document if name in allowed}


def _projection(field: fields.Field[Any]) -> Projection | None:
    """How a value of ``field`` is shown; ``None`` for as it stands."""
    if isinstance(field, Named):
        return _named(field)
    if isinstance(field, Further):
        return field.project if field.hidden else None
    if isinstance(field, fields.Nested):
        return _nested(compiled(field.schema), bool(field.many))
    if isinstance(field, fields.List):
        inner = _projection(field.inner)
        return None if inner is None else _nested(inner, True)
    return None


def _nested(inner: Projection, many: bool) -> Projection:
    if many:
        return lambda values: [inner(value) for value in values]
    return inner


def _named(field: Named) -> Projection:
    known: dict[str, Projection] = {}
    key = field.item

    def of(name: str) -> Projection:
        found = known.get(name)
        if found is None:
            found = known[name] = compiled(field.schema_of(name))
        return found

    def by_name(facts: Mapping[str, Any]) -> Any:
        return {name: of(name)(fact) for name, fact in facts.items()}

    def in_list(facts: list[Any]) -> Any:
        return [of(fact[key])(fact) for fact in facts]

    return by_name if key is None else in_list
