"""The inventory as a person reads it: some twenty lines, numbers first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from autocloudops.alarms.inventory import Entry
from autocloudops.cli.costs import ASSUMPTIONS, Scenario
from autocloudops.incidents.forecast import Forecast, Noise
from autocloudops.redaction import clean

LABEL, COUNT = 15, 10
NAME_CHARACTERS = 44
EXAMPLES = 2
MOST_GROUPS = 4
MOST_NOISE = 5
MINUTE_SECONDS, HOUR_SECONDS = 120, 7200


def lines_of(
    entries: Sequence[Entry], where: str, expected: Forecast | None, costs: Sequence[Scenario]
) -> Iterator[str]:
    """Yield what is known, most important first; what is not there has no line.

    Args:
        entries: the inventory.
        where: the regions, and when they were read.
        expected: what history comes to, None where it was not read.
        costs: what that would cost.
    """
    candidates = [entry for entry in entries if not entry.excluded]
    yield _line("alarms", len(entries), f"in {where}")
    yield _line("candidates", len(candidates), "")
    yield from _grouped("excluded", [(str(e.settled_by), e) for e in entries if e.excluded])
    yield from _grouped("never acted on", [(why, e) for e in candidates if (why := _untouchable(e))])
    yield from _grouped("cannot be right", [(f.code, e) for e in entries for f in e.faults if f.veto])
    yield from _grouped("no owner", [(e.resource.type, e) for e in candidates if e.ownerless])
    if expected:
        yield ""
        yield from _history(expected)
    if costs:
        yield ""
        yield from _costs(costs)


def _untouchable(entry: Entry) -> str:
    """Return why a person is always needed for an alarm that is asked about, the empty text where none is."""
    return entry.robot or ("switched-off" if entry.switched_off else "")


def _line(label: str, count: int, rest: str) -> str:
    return f"{label:<{LABEL}} {count:>{COUNT},}  {rest}".rstrip()


def _grouped(label: str, found: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """Yield one line: how many alarms, and the largest groups of them with examples."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for name, entry in found:
        groups[name].append(entry)
    if not groups:
        return
    largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    told = [f"{name} {len(own):,} ({_examples(own)})" for name, own in largest[:MOST_GROUPS]]
    more = len(largest) - MOST_GROUPS
    count = len({entry.key for own in groups.values() for entry in own})
    yield _line(label, count, ", ".join(told) + (f", {more} more kinds" if more > 0 else ""))


def _examples(entries: Sequence[Entry]) -> str:
    names = [_name(entry.key.name) for entry in entries[:EXAMPLES]]
    return ", ".join(names) + (", …" if len(entries) > EXAMPLES else "")


def _name(name: str) -> str:
    return clean(" ".join(name.split()), NAME_CHARACTERS)


def _history(expected: Forecast) -> Iterator[str]:
    yield _line("transitions", expected.transitions, f"of {expected.changed:,} candidates, {_span(expected)}")
    yield _line("episodes", expected.episodes, _soon(expected))
    yield _line("incidents", expected.incidents, "by the grouping rules, replayed in order")
    yield _line("questions", expected.questions, _rate(expected))
    if expected.rested:
        yield _line("  left out", expected.rested, "more would be asked, but their alarm flapped")
    if expected.spared:
        yield _line(
            "  waited for", expected.spared, "more would be asked, but their alarms clear by themselves, and did"
        )
    if expected.excluded + expected.unknown:
        uncounted = expected.excluded + expected.unknown
        yield _line(
            "  not counted", uncounted, f"transitions: {expected.unknown:,} of alarms that are gone, else excluded"
        )
    fired = [noise for noise in expected.noisiest[:MOST_NOISE] if noise.record.fires]
    if fired:
        yield f"{'noisiest':<{NAME_CHARACTERS}} {'fires':>8} {'OK in 5 min':>12} {'median':>8} {'questions':>10}"
        yield from map(_noise, fired)


def _span(expected: Forecast) -> str:
    return f"{expected.days:.1f} days, {expected.since:%Y-%m-%d} to {expected.until:%Y-%m-%d}"


def _soon(expected: Forecast) -> str:
    return f"{expected.soon / expected.ended:.0%} of {expected.ended:,} OK again in 5 min" if expected.ended else ""


def _rate(expected: Forecast) -> str:
    mean = f"{expected.questions_a_day:,.1f} a day"
    return f"{mean}, {expected.busiest_day:,} on the busiest, {expected.busiest_hour:,} in the busiest hour"


def _noise(noise: Noise) -> str:
    share, median = noise.record.soon_share, noise.record.median_seconds
    soon = f"{share:.0%}" if share is not None else ""
    lasted = _duration(median) if median is not None else ""
    name = _name(noise.key.name)
    return f"{name:<{NAME_CHARACTERS}} {noise.record.fires:>8,} {soon:>12} {lasted:>8} {noise.questions:>10,}"


def _duration(seconds: float) -> str:
    if seconds < MINUTE_SECONDS:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < HOUR_SECONDS else f"{seconds / 3600:.0f} h"


def _costs(costs: Sequence[Scenario]) -> Iterator[str]:
    sums = f"{'always on':>{COUNT}} {'scale to zero':>14} {'GPU seconds':>12}"
    yield f"{'$ for 30 days':<{LABEL}} {sums}  instance, price of"
    for each in costs:
        sums = f"{each.always_on:>{COUNT},.0f} {each.scale_to_zero:>14,.0f} {each.gpu_seconds:>12,.2f}"
        yield f"{each.gpu:<{LABEL}} {sums}  {each.instance_type}, {each.price_date}"
    yield f"  {costs[0].wakings:,.0f} questions would find it asleep and wait for minutes"
    yield from (f"  {line}" for line in ASSUMPTIONS)
