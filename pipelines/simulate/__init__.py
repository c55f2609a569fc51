"""An invented retailer: four channels of customer records and events with the troubles of real ones, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.simulate.broken import broken_customers, broken_events
from pipelines.simulate.feeds import write_customers, write_events, write_households, write_truth
from pipelines.simulate.life import live
from pipelines.simulate.options import Dice, SimulationOptions, load_troubles
from pipelines.simulate.people import invent_people
from pipelines.simulate.records import observe, records_a_person
from pipelines.simulate.spoil import Spoiler

__all__ = ["Simulated", "SimulationOptions", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """How much was written."""

    people: int
    records: int
    events: int


def simulate(out: Path, options: SimulationOptions, progress: Callable[[str], None] = lambda step: None) -> Simulated:
    """Write a landing folder, ``truth.csv`` and ``households.csv`` to ``out``; ``progress`` is told each step by name.

    The same options write the same bytes. Raises WrongUsage for a troubles file or noise profile that cannot be used.
    """
    troubles, dice = load_troubles(options), Dice(options.seed)
    progress("people")
    count = max(1, round(options.records * troubles.rate("people.share_of_records")))
    people = invent_people(count, troubles, dice)
    progress("belongings")
    life = live(people, troubles, dice)
    progress("records")
    counts = records_a_person(options.records, count, troubles, dice)
    records = observe(people, life, counts, (troubles, dice))
    progress("troubles")
    Spoiler(records, people, life, (troubles, dice)).spoil()
    progress("customers")
    write_customers(out, records, broken_customers(options.broken))
    write_truth(out, records)
    write_households(out, people)
    progress("events")
    events = options.records if options.events is None else options.events
    write_events(out, records, people.country, (events, broken_events(options.broken)), dice)
    return Simulated(count, options.records, events)
