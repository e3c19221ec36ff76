import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.errors import InputUnreadable
from autocloudops.sandbox import samples
from autocloudops.sandbox.samples import PLANTED_SECRETS, Ending, Route, Sample
from autocloudops.sandbox.samples.placeholders import render

NOW = datetime(2026, 11, 22, 10, 17, 0, 250_000, tzinfo=UTC)
ACCOUNTS = {"111122223333", "444455556666"}
REGIONS = {"eu-west-1": "EU (Ireland)", "us-east-1": "US East (N. Virginia)", "eu-central-1": "EU (Frankfurt)"}
NOT_ALARMS = {"malformed", "context"}
AT_LEAST = {
    "storm": 20,
    "duplicates": 10,
    "ok": 3,
    "malformed": 4,
    "injection": 4,
    "secret": 2,
    "database": 1,
    "disk": 1,
    "compute": 2,
    "serverless": 5,
    "loadbalancer": 2,
    "composite": 3,
    "shapes": 4,
    "insufficient": 1,
    "accounts": 2,
    "calm": 5,
    "context": 1,
    "simulated": 4,
}
SNS_FIELDS = {
    "AlarmName", "AlarmDescription", "AWSAccountId", "AlarmConfigurationUpdatedTimestamp", "NewStateValue",
    "NewStateReason", "StateChangeTime", "Region", "AlarmArn", "OldStateValue", "OKActions", "AlarmActions",
    "InsufficientDataActions",
}  # fmt: skip
EVENT_FIELDS = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
SECRET_LOOKING = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]|nv[a]pi-|eyJ|gh[pousr]_|xox[abp]-|PRIVATE KEY|://[^/\s:@\"]+:[^/\s@\"]+@"
)

ALL = samples.load(NOW)
ALARMS = tuple(sample for sample in ALL if sample.scenario not in NOT_ALARMS)


def _name(sample: Sample) -> str:
    return sample.name


def _alarm_body(sample: Sample) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample.body)
    inner: dict[str, Any] = json.loads(body["Message"]) if body.get("Type") == "Notification" else body
    return inner


def _parsed(sample: Sample) -> Parsed:
    (noun,) = parse(sample.body)
    return noun


def _alarm(sample: Sample) -> Alarm:
    noun = _parsed(sample)
    assert isinstance(noun, Alarm)
    return noun


def _state_time(body: dict[str, Any]) -> datetime:
    text = body["detail"]["state"]["timestamp"] if "detail" in body else body["StateChangeTime"]
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def _files() -> dict[str, str]:
    folder = resources.files(samples)
    return {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.is_file()}


def _written(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "mine.json"
    file.write_text(json.dumps(entries), "utf-8")
    return file


def test_every_scenario_is_there_in_strength() -> None:
    """The sample holds at least sixty alarms, and each scenario as many messages as make its point."""
    counts = Counter(sample.scenario for sample in ALL)
    assert {scenario: counts[scenario] >= least for scenario, least in AT_LEAST.items()} == dict.fromkeys(
        AT_LEAST, True
    )
    assert len(ALARMS) >= 60


def test_names_are_unique() -> None:
    """A name says which message is meant."""
    assert [name for name, count in Counter(sample.name for sample in ALL).items() if count > 1] == []


def test_routes_are_all_used() -> None:
    """The sample exercises the queue, the topic and the event bus."""
    assert {sample.route for sample in ALARMS} == set(Route)


@pytest.mark.parametrize("sample", ALL, ids=_name)
def test_nothing_is_left_to_fill_in(sample: Sample) -> None:
    """No placeholder and no variable of a repeat survives loading."""
    assert "{{" not in sample.body
    assert "${" not in sample.name + sample.body


@pytest.mark.parametrize("sample", ALARMS, ids=_name)
def test_an_alarm_has_the_fields_of_its_shape(sample: Sample) -> None:
    """Every alarm is a whole message: what CloudWatch sends is there, and says the same thing in every place."""
    body = _alarm_body(sample)
    if sample.route is Route.EVENTBRIDGE:
        detail = body["detail"]
        assert body.keys() == EVENT_FIELDS
        assert detail.keys() == {"alarmName", "state", "previousState", "configuration"}
        assert {"value", "reason", "timestamp"} <= detail["state"].keys()
        assert detail["configuration"]["metrics"]
        account, region, name, arn = body["account"], body["region"], detail["alarmName"], body["resources"][0]
    else:
        assert body.keys() >= SNS_FIELDS
        assert body.keys() - SNS_FIELDS in ({"Trigger"}, {"AlarmRule", "TriggeringChildren"})
        arn = body["AlarmArn"]
        account, region, name = body["AWSAccountId"], arn.split(":")[3], body["AlarmName"]
        assert body["Region"] == REGIONS[region]
    assert account in ACCOUNTS
    assert arn == f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"


@pytest.mark.parametrize("sample", ALARMS, ids=_name)
def test_an_alarm_is_fresh(sample: Sample) -> None:
    """Every state change lies within the hour before loading, so that no gate takes it for stale."""
    assert timedelta() < NOW - _state_time(_alarm_body(sample)) < timedelta(hours=1)


def test_times_move_with_the_clock() -> None:
    """A sample that is loaded later tells of later state changes, so that a second run repeats no event."""
    later = samples.load(NOW + timedelta(minutes=5))
    moved = [(before.name, before.body == after.body) for before, after in zip(ALL, later, strict=True)]
    timeless = {name for name, same in moved if same}
    assert timeless <= {sample.name for sample in ALL if sample.scenario == "malformed"}


def test_the_storm_strikes_within_a_minute() -> None:
    """The storm is one cause: its alarms change state almost together, on both routes."""
    storm = [sample for sample in ALL if sample.scenario == "storm"]
    times = [_state_time(_alarm_body(sample)) for sample in storm]
    assert max(times) - min(times) < timedelta(minutes=1)
    assert {sample.route for sample in storm} == {Route.SNS, Route.EVENTBRIDGE}


def test_equal_names_live_in_two_accounts() -> None:
    """Only the account tells the alarms of the `accounts` scenario apart."""
    bodies = [_alarm_body(sample) for sample in ALL if sample.scenario == "accounts"]
    told = [body.get("AlarmName") or body["detail"]["alarmName"] for body in bodies]
    owners = [body.get("AWSAccountId") or body["account"] for body in bodies]
    assert len(set(told)) == 1
    assert set(owners) == ACCOUNTS


def test_every_misbehaviour_of_the_simulated_model_is_asked_for() -> None:
    """Each marker word of the simulated model stands in the text of one alarm."""
    text = " ".join(sample.body for sample in ALL if sample.scenario == "simulated")
    assert re.findall(r"simulate:(\w+)", text) == ["truncated", "not_json", "wrong_enum", "overconfident"]


def test_each_planted_secret_is_sent() -> None:
    """Every invented secret reaches the worker, so that redaction has something to find."""
    text = " ".join(sample.body for sample in ALL if sample.scenario == "secret")
    assert [name for name, secret in PLANTED_SECRETS.items() if secret not in text] == []


def test_no_file_holds_a_secret() -> None:
    """No planted secret, and nothing that looks like one, stands in a file."""
    held = {name: SECRET_LOOKING.search(text) for name, text in _files().items() if name.endswith((".json", ".py"))}
    assert {name: found[0] for name, found in held.items() if found} == {}
    assert [secret for secret in PLANTED_SECRETS.values() if any(secret in text for text in _files().values())] == []


@pytest.mark.parametrize("sample", ALL, ids=_name)
def test_every_sample_is_read_as_what_it_is(sample: Sample) -> None:
    """What is to be parked cannot be parsed, what is to be context is an event, and all else is an alarm."""
    kinds: dict[Ending | None, type] = {Ending.PARKED: Unparseable, Ending.CONTEXT: AwsEvent}
    assert type(_parsed(sample)) is kinds.get(sample.expected, Alarm)


@pytest.mark.parametrize("sample", ALARMS, ids=_name)
def test_an_alarm_is_read_in_its_state(sample: Sample) -> None:
    """A sample that should end as `ok` clears an alarm; one that asks for a decision raises one."""
    state = _alarm(sample).state
    if sample.scenario == "insufficient":
        assert state is AlarmState.INSUFFICIENT_DATA
    elif sample.expected is not None:
        assert (state is AlarmState.OK) == (sample.expected is Ending.OK)


def test_duplicates_are_one_event() -> None:
    """Each duplicate carries the event of an earlier message, and no other two messages share one."""
    seen: set[str] = set()
    for sample in ALARMS:
        event_id = str(_alarm(sample).event_id)
        assert (event_id in seen) == (sample.expected is Ending.DUPLICATE), sample.name
        seen.add(event_id)


def test_each_owner_has_one_opener() -> None:
    """Where endings are certain, one alarm of an owner is decided and the others join it."""
    owners = {_alarm(sample).resource.owner_key for sample in ALARMS if sample.expected in {"decided", "joined"}}
    openers = Counter(_alarm(sample).resource.owner_key for sample in ALARMS if sample.expected is Ending.DECIDED)
    uncertain = {_alarm(sample).resource.owner_key for sample in ALARMS if sample.expected is None}
    assert openers == dict.fromkeys(owners, 1)
    assert owners.isdisjoint(uncertain)


def test_the_unusual_kinds_are_there() -> None:
    """The sample has alarms that watch no single metric: a composite, a band, and metric math on both routes."""
    kinds = Counter(_alarm(sample).kind for sample in ALARMS)
    assert kinds[AlarmKind.COMPOSITE] == 1
    assert kinds[AlarmKind.ANOMALY] == 1
    assert kinds[AlarmKind.MATH] == 2


def test_an_event_is_the_same_on_a_bus_of_another_name() -> None:
    """PutEvents gives an event its own source, account and id; the state change in it stays the same."""
    for sample in ALARMS:
        if sample.route is Route.EVENTBRIDGE:
            put = json.loads(sample.body) | {"source": "sandbox", "account": "000000000000", "id": "another"}
            assert [noun.event_id for noun in parse(json.dumps(put)) if isinstance(noun, Alarm)] == [
                _alarm(sample).event_id
            ]


@pytest.mark.parametrize(
    ("placeholder", "rendered"),
    [
        ("{{-90s}}", "2026-11-22T10:15:30.250+0000"),
        ("{{-90.125s}}", "2026-11-22T10:15:30.125+0000"),
        ("{{-90s|milli}}", "2026-11-22T10:15:30.250Z"),
        ("{{-90s|second}}", "2026-11-22T10:15:30Z"),
        ("{{-90s|minute}}", "2026-11-22T10:15:00.000+0000"),
        ("{{-1.5m|datapoint}}", "22/11/26 10:15:00"),
        ("{{-2h|sentence}}", "Sunday 22 November, 2026 08:17:00 UTC"),
        ("{{-1d|second}}", "2026-11-21T10:17:00Z"),
    ],
)
def test_times_are_written_as_their_shape_writes_them(placeholder: str, rendered: str) -> None:
    """Each style gives the spelling of the wire shape that it is named for."""
    assert render(placeholder, NOW, "any") == rendered


def test_times_are_written_in_utc() -> None:
    """A local clock gives the same messages as one in UTC."""
    local = NOW.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert samples.load(local) == ALL


@pytest.mark.parametrize("placeholder", ["{{+5s}}", "{{-5w}}", "{{-5s|roman}}", "{{secret:none}}", "{{name}}"])
def test_an_unknown_placeholder_is_refused(placeholder: str, tmp_path: Path) -> None:
    """A misspelt placeholder is reported with the sample's name, not sent."""
    file = _written(tmp_path, {"name": "typo", "route": "sqs", "body": placeholder})
    with pytest.raises(InputUnreadable, match=r"typo.*unknown: use one of those"):
        samples.read(file, NOW)


def test_a_repeat_gives_one_sample_for_each_object(tmp_path: Path) -> None:
    """An entry with a repeat becomes as many samples, each with its own values, in order."""
    body = {"AlarmName": "${id}-cpu", "at": "{{-${at}s|second}}"}
    rows = [{"id": "a", "at": "60"}, {"id": "b", "at": "120"}]
    entry = {"name": "task-${id}", "route": "sns", "expected": "joined", "repeat": rows, "body": body}
    assert samples.read(_written(tmp_path, entry), NOW) == tuple(
        Sample(name=f"task-{task}", scenario="mine", route=Route.SNS, expected=Ending.JOINED, body=body)
        for task, body in (
            ("a", '{"AlarmName":"a-cpu","at":"2026-11-22T10:16:00Z"}'),
            ("b", '{"AlarmName":"b-cpu","at":"2026-11-22T10:15:00Z"}'),
        )
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "mine.json: file: Invalid JSON"),
        ('[{"name": "x", "route": "pigeon", "body": {}}]', "mine.json: 0.route: Input should be"),
        ('[{"name": "x", "route": "sqs", "body": {}, "colour": 1}]', "mine.json: 0.colour: Extra inputs"),
    ],
)
def test_a_malformed_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    """A file that a person got wrong is reported with its name, the place and what was expected."""
    file = tmp_path / "mine.json"
    file.write_text(text, "utf-8")
    with pytest.raises(InputUnreadable, match=re.escape(said)):
        samples.read(file, NOW)
