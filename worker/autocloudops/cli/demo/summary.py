"""What the demo came to, for people and for programs."""

import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from autocloudops.audit.record import Outcome
from autocloudops.cli.demo.check import Course
from autocloudops.cli.demo.outside import Told
from autocloudops.cli.engines import SERVED_AS, EngineName, described
from autocloudops.decisions.model import Verdict
from autocloudops.decisions.story import short_id
from autocloudops.values import Value

PROGRAM = "autocloudops"
FEWER = "It generates a few dozen tokens a second, so that only a part of the bundled messages was sent."


class Summary(Value):
    """The demo in numbers.

    `sent` counts messages by route, `decisions` by verdict, `proposals` the dry runs by what each would have been, and
    `parked` by reason. `differences` is empty where everything
    came out as it should. `engine` is what answered, and `model` how it is served: never a model that you host.
    """

    engine: EngineName
    model: str
    sent: dict[str, int]
    alarms: int
    incidents: int
    model_requests: int
    decisions: dict[str, int]
    proposals: dict[str, int]
    joined: int
    repeated: int
    ok: int
    context: int
    parked: dict[str, int]
    notifications: int
    audit: str
    audit_objects: int
    wall_seconds: float
    show: str
    differences: tuple[str, ...]


def largest(course: Course) -> UUID | None:
    """Return the incident with the most alarms: the storm."""
    decided = {record.incident_id for record in course.records if record.decision}
    sizes = Counter(record.incident_id for record in course.records if record.alarm and not record.repeated)
    return next((incident for incident, _ in sizes.most_common() if incident in decided), None)


def example(course: Course) -> Told | None:
    """Return what people were told about the largest incident."""
    incident = largest(course)
    return next((told for told in course.told if incident and short_id(incident) in told.text), None)


def proposal(course: Course) -> Told | None:
    """Return what people were told about the first action that only the dry run held back; None where there is none."""
    found = (
        record.incident_id
        for record in course.records
        if record.decision and record.incident_id and record.decision.would_be is Verdict.EXECUTE
    )
    first = next(found, None)
    return next((told for told in course.told if first and short_id(first) in told.text), None)


def lines(summary: Summary) -> Iterator[str]:
    """Yield a summary as people read it."""
    yield f"Answered by {described(summary.engine)}. Nothing was changed."
    if summary.engine is EngineName.LLAMA:
        yield FEWER
    for name, value in _facts(summary).items():
        yield f"  {name:16}{value}"
    yield ""
    if summary.differences:
        yield "NOT as it should be:"
        yield from (f"  {difference}" for difference in summary.differences)
    else:
        yield "Every message was answered, and everything ended as it should."
    yield f"Look at one decision:  {summary.show}"


def summarise(course: Course, folder: Path, wall_seconds: float, differences: Sequence[str]) -> Summary:
    """Return the demo in numbers.

    Args:
        course: what went in and came out.
        folder: where the audit was copied to.
        wall_seconds: how long it all took.
        differences: what is not as it should be.
    """
    first = [record for record in course.records if not record.repeated]
    outcomes = Counter(record.outcome for record in first)
    return Summary(
        engine=course.engine,
        model=SERVED_AS[course.engine],
        sent=Counter(sample.route.value for sample in course.sent),
        alarms=len({record.event_id for record in first if record.alarm}),
        incidents=len({record.incident_id for record in first if record.decision}),
        model_requests=course.model_requests,
        decisions=Counter(record.decision.verdict.value for record in first if record.decision),
        proposals=Counter(
            record.decision.would_be.value
            for record in first
            if record.decision and record.decision.verdict is Verdict.DRY_RUN
        ),
        joined=outcomes[Outcome.JOINED],
        repeated=len(course.records) - len(first),
        ok=outcomes[Outcome.OK],
        context=outcomes[Outcome.CONTEXT],
        parked=Counter(message.code for message in course.parked),
        notifications=len(course.told),
        audit=str(folder),
        audit_objects=len({found.location for found in course.found}),
        wall_seconds=round(wall_seconds, 1),
        show=_show_command(course, folder),
        differences=tuple(differences),
    )


def _show_command(course: Course, folder: Path) -> str:
    incident = largest(course)
    what = f"show {short_id(incident)}" if incident else "ls"
    return f"{shlex.quote(_program())} audit {what} --location {shlex.quote(str(folder))}"


def _program() -> str:
    """Return how this program is called from here: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0])
    if called.name != PROGRAM or shutil.which(PROGRAM):
        return PROGRAM
    return os.path.relpath(called)


def _facts(summary: Summary) -> Mapping[str, object]:
    return {
        "messages sent": f"{sum(summary.sent.values())} ({_list(summary.sent)})",
        "alarms": summary.alarms,
        "incidents": summary.incidents,
        "model requests": summary.model_requests,
        "decisions": f"{sum(summary.decisions.values())} ({_list(summary.decisions)})",
        "dry runs": _list(summary.proposals) or "none",
        "joined": summary.joined,
        "repeated": summary.repeated,
        "ok": summary.ok,
        "context": summary.context,
        "parked": f"{sum(summary.parked.values())} ({_list(summary.parked)})",
        "notifications": summary.notifications,
        "audit": f"{summary.audit} ({summary.audit_objects} objects)",
        "took": f"{summary.wall_seconds:.1f} s",
    }


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
