"""Which kinds of alarms a library has something written for."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.past import metric_family
from autocloudops.knowledge.front_matter import asked_of
from autocloudops.knowledge.library import Shelf
from autocloudops.values import Value


class Family(Value):
    """Alarms of one owner about one metric, or of one name where they have none. `runbook` was written for them."""

    owner: str
    about: str
    alarms: int
    example: str
    runbook: str | None = None


def families(alarms: Iterable[Alarm], shelf: Shelf, today: date) -> list[Family]:
    """Return the families of `alarms`: those without a runbook first, and of these the largest.

    Args:
        alarms: each alarm's key counts once, however often it changed its state.
        shelf: the runbooks.
        today: expired ones do not count.
    """
    distinct = list({alarm.key: alarm for alarm in alarms}.values())
    counts = Counter(_family(alarm) for alarm in distinct)
    examples = {_family(alarm): alarm for alarm in reversed(distinct)}
    found = [_covered(examples[key], count, shelf, today) for key, count in counts.items()]
    return sorted(found, key=lambda each: (each.runbook is not None, -each.alarms, each.owner, each.about))


def _covered(example: Alarm, count: int, shelf: Shelf, today: date) -> Family:
    owner, about = _family(example)
    written = shelf.written_for(asked_of(example), today)
    runbook = written[0].name if written else None
    return Family(owner=owner, about=about, alarms=count, example=example.key.name, runbook=runbook)


def _family(alarm: Alarm) -> tuple[str, str]:
    return alarm.resource.owner_key, metric_family(alarm) or f"{alarm.kind} {alarm.key.name}"
