"""Every source of evidence, over services and records whose every text an attacker wrote."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from alarm_bodies import ACCOUNT, ARN, NAME, REGION
from attacked_alarms import BUSY, SHAPES
from remembered import Answering, past
from scripted_calls import ScriptedCalls, planted
from scripted_cloudwatch import ScriptedCalls as CloudWatchCalls
from scripted_cloudwatch import ScriptedCloudWatch
from virtual_time import START, VirtualClock
from word_vectors import MemoryFiles

from autocloudops.alarms.changes import ResourceChange
from autocloudops.alarms.inventory import Entry, Fault
from autocloudops.alarms.model import Alarm
from autocloudops.diagnosis.gathering import Piece, Source
from autocloudops.incidents.model import Incident
from autocloudops.incidents.past import Judgement, Label, Nearby, Neighbour
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.changes import Changes
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.index import IndexFile
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.neighbours import Neighbours
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.registered import Registered
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching

KINDS = frozenset({"alarm-now", "change", "configuration", "inventory", "past", "related", "runbook"})


def alarm_now(text: str, **changes: str) -> AlarmNow:
    """Return the alarm as CloudWatch has it, with texts of the attacker's where CloudWatch takes any.

    Args:
        text: the attacker's.
        changes: fields of the description that are otherwise.
    """
    body = SHAPES["describe_alarms"](BUSY)
    described = {
        **body,
        "StateUpdatedTimestamp": START,
        "StateReason": text,
        "AlarmDescription": text,
        "Unit": text,
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:{text}"],
        **changes,
    }
    client = ScriptedCloudWatch(alarms=[described], mutes={})
    clock = VirtualClock()
    return AlarmNow(CloudWatchCalls(client, clock), clock)


def changes(text: str, alarm: Alarm) -> Changes:
    """Return what changed, in the attacker's words."""
    change = ResourceChange(
        event_id=UUID(int=1),
        at=START - timedelta(minutes=5),
        account=ACCOUNT,
        region=REGION,
        keys=(alarm.resource.owner,),
        kind=text,
        what=text,
        by=text,
        url=text,
    )

    def held(_: str, __: str, keys: Sequence[str], ___: datetime) -> Mapping[str, Sequence[ResourceChange]]:
        return {key: [change] if key in change.keys else [] for key in keys}

    return Changes(Answering({"feeds": {text: START, "ecs": START}, "changes": held}))


def earlier(text: str) -> Past:
    """Return an earlier incident that ended as the attacker says, and what people are made to have said of it."""
    decision = UUID(int=102)
    labels = (
        Label(
            judgement=Judgement.WRONG_CAUSE,
            by=text[:80],
            at=START,
            decision_id=decision,
            note=text[:200],
            cause=text[:300],
        ),
    )
    remembered = past(
        decision_id=decision,
        resource=text,
        alarm=text,
        family=text,
        verdict=text,
        cause=text[:600],
        action=text,
        labels=labels,
    )
    ids = [remembered.incident_id]
    return Past(Answering({"of_owner": ids, "of_family": ids, "of_ids": [remembered]}))


def neighbours(text: str, alarm: Alarm) -> Neighbours:
    """Return another incident whose names the attacker chose."""
    resource = alarm.resource.model_copy(update={"owner": text, "id": text})
    opener = alarm.model_copy(update={"key": alarm.key.model_copy(update={"name": text}), "resource": resource})
    other = Incident(
        incident_id=UUID(int=50),
        owner_key=text,
        resource=resource,
        token=UUID(int=51),
        opened_at=START,
        last_member_at=START,
    )
    return Neighbours(Answering({"nearby": Nearby(neighbours=(Neighbour(incident=other, opener=opener),))}))


def runbooks(text: str) -> Runbooks:
    """Return a library whose one file the attacker wrote, for just this alarm."""
    body = f"---\ntitle: Zq7Planted CPU is high\nmatch: {{metric: CPUUtilization}}\n---\n{text}\n"
    files = MemoryFiles({"cpu.md": body.encode("utf-8", "replace")})
    search = Search(Library(files), IndexFile(files), None, VirtualClock(), Searching())
    return Runbooks(search, files.permissions)


def inventory(text: str, alarm: Alarm) -> Registered:
    """Return an inventory that says of the alarm what the attacker wants to be read."""
    entry = Entry(
        key=alarm.key,
        kind=alarm.kind,
        resource=alarm.resource,
        state=alarm.state,
        state_at=START,
        seen_at=START,
        faults=(Fault(code=text, veto=False, statement=text),),
    )
    return Registered(Answering({"of_keys": [entry]}))


class Logs:
    """Lines of a log, as a source of evidence that is still to be written may bring them."""

    kind = "log"
    essential = False
    permissions: frozenset[str] = frozenset()

    def __init__(self, text: str) -> None:
        self._text = text

    async def read(self, _: object) -> Sequence[Piece]:
        return (Piece(kind="log", source=f"log group {self._text}", text=f"{self._text}\n{self._text}", worth=60),)


def everything(text: str, alarm: Alarm) -> list[Source]:
    """Return every source, poisoned at once."""
    assert alarm.key.name == NAME
    assert alarm.arn in {ARN, None}
    calls = ScriptedCalls(lambda client, method: planted(client, method, text))
    return [
        alarm_now(text),
        changes(text, alarm),
        Configuration(calls, VirtualClock(), ACCOUNT),
        earlier(text),
        neighbours(text, alarm),
        runbooks(text),
        inventory(text, alarm),
        Logs(text),
    ]
