"""What a question shows: the alarms of an incident, what rules say of them, and what was read, each by its worth."""

from collections.abc import Iterable, Iterator, Sequence

from autocloudops.alarms.model import Alarm
from autocloudops.diagnosis.evidence import Evidence, alarm_evidence
from autocloudops.diagnosis.gathering import Gathered, Piece, numbered
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident, family

SHOWN_ALARMS = 12
SHOWN_FINDINGS = 5
FINDING_WORTH = 85
ALARM_WORTH, MORE_ALARM_WORTH = 70, 38
"""What a member alarm is worth: of the first few, and of the others, which say the same again."""
FOREMOST_ALARMS = 4
COUNT_WORTH = 70
RULES = "rules of AutoCloudOps about alarms that cannot be right"


def shown(
    incident: Incident, token: Alarm, alarms: Sequence[Alarm], known: Circumstances, gathered: Gathered
) -> tuple[Evidence, ...]:
    """Return the alarm that a question is about, then everything else by its worth, each under an id of its own.

    Args:
        incident: what is asked about.
        token: the alarm that the question is about.
        alarms: the members of the incident that are known.
        known: what rules say of them.
        gathered: what was read.
    """
    others = [alarm for alarm in alarms if alarm != token]
    found = [
        Piece(kind="finding", source=RULES, text=f"{finding.code}: {finding.statement}", worth=FINDING_WORTH)
        for finding in known.findings[:SHOWN_FINDINGS]
    ]
    members = tuple(_member_pieces(incident, token, others))
    rest = sorted((*found, *members, *gathered.pieces), key=lambda piece: -piece.worth)
    return numbered((_alarm_piece(token, ALARM_WORTH), *rest))


def kinds_shown(alarms: Sequence[Alarm], evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the kinds of trouble of those alarms that are among the evidence."""
    texts = {each.text for each in evidence}
    said = zip(alarms, numbered(_alarm_piece(alarm, ALARM_WORTH) for alarm in alarms), strict=True)
    return frozenset(family(alarm) for alarm, each in said if each.text in texts)


def _member_pieces(incident: Incident, token: Alarm, others: Sequence[Alarm]) -> Iterator[Piece]:
    """Yield how many alarms are not shown, if any, and those that are: the first of each kind of trouble in front."""
    ordered = _kinds_first(token, others)[: SHOWN_ALARMS - 1]
    hidden = incident.members - len(ordered) - 1
    if hidden > 0:
        text = f"alarms of this incident: {incident.members}, of which {len(ordered) + 1} are among this evidence"
        yield Piece(kind="members", source="incidents of AutoCloudOps", text=text, worth=COUNT_WORTH)
    for number, alarm in enumerate(ordered):
        yield _alarm_piece(alarm, ALARM_WORTH if number < FOREMOST_ALARMS else MORE_ALARM_WORTH)


def _kinds_first(token: Alarm, others: Sequence[Alarm]) -> Sequence[Alarm]:
    """Return `others` with the first alarm of each kind of trouble that `token` does not tell of in front."""
    first = {family(alarm): alarm for alarm in reversed(others)}
    first.pop(family(token), None)
    return sorted(others, key=lambda alarm: first.get(family(alarm)) is not alarm)


def _alarm_piece(alarm: Alarm, worth: int) -> Piece:
    said = alarm_evidence(alarm, "E1")
    return Piece(kind=said.kind, source=said.source, text=said.text, worth=worth)
