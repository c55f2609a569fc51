"""What a plain phone number becomes, as SQL for many at once: the Python rule's answer, or NULL to ask that rule."""

from __future__ import annotations

from profile_service.identity.phones import numbering_plan


def phone_shortcut(text: str, country: str) -> str:
    """For numbers of digits and separators dialled inside ``country`` (ISO 3166), or with its own calling code."""
    plan = numbering_plan(country)
    if plan is None or plan.calling_code == "44":
        return "NULL"
    digits = f"regexp_replace({text}, '[^0-9]', '', 'g')"
    significant = f"ltrim({digits}, '0')"
    national = digits
    if plan.national_prefix:
        after = len(plan.national_prefix) + 1
        dialled = f"starts_with({digits}, '{plan.national_prefix}')"
        national = f"CASE WHEN {dialled} THEN substr({digits}, {after}) ELSE {digits} END"
    lengths = ", ".join(str(length) for length in sorted(plan.lengths))
    varied = f"length({significant}) >= 7 AND replace(right({significant}, 7), right({significant}, 1), '') <> ''"
    return (
        f"CASE WHEN NOT ({varied}) THEN NULL "
        f"WHEN regexp_full_match({text}, '[0-9(][0-9 ().-]*') AND NOT starts_with({digits}, '00') "
        f"AND length({national}) IN ({lengths}) THEN '+{plan.calling_code}' || ({national}) "
        f"WHEN regexp_full_match({text}, '[+]{plan.calling_code}[0-9 ().-]*') THEN '+' || {digits} END"
    )
