"""`evidence`: what is read about an incident, and what that needs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from autocloudops.cli.output import Output, print_json, print_rows
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.metric import MetricHistory
from autocloudops.knowledge.policy import Place, document, statements
from autocloudops.knowledge.thirty_days import ThirtyDays

COLUMNS = ("sid", "actions", "resources")


class Permitted(Protocol):
    """A source of evidence as far as its permissions go, which `diagnosis.gathering.Source` has on the class too."""

    kind: str
    permissions: frozenset[str]


SOURCES: tuple[type[Permitted], ...] = (AlarmNow, MetricHistory, ThirtyDays, Configuration)
"""Every source that calls AWS."""


def needs(sources: Sequence[type[Permitted]] = SOURCES) -> Mapping[str, frozenset[str]]:
    """Return the IAM actions of some sources by their kind."""
    return {source.kind: source.permissions for source in sources}


def print_policy(place: Place, output: Output) -> None:
    """Print the IAM policy for every source: as JSON the document, else one line for each statement."""
    if output is Output.JSON:
        print_json(document(needs(), place))
        return
    rows = [
        {"sid": each.sid, "actions": ", ".join(each.actions), "resources": ", ".join(each.resources)}
        for each in statements(needs(), place)
    ]
    print_rows(output, rows, COLUMNS)
