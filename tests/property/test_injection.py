"""The model obeys whoever writes the texts; what protects then is everything but the model."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, count, cycle, islice
from pathlib import Path as File
from typing import Any

import pytest
from alarm_bodies import ACCOUNT, REGION, sns_alarm
from attacked_alarms import BUSY, OFFERING, SERVICE, SHAPES, TROUBLES, Started, Trouble, alarms_in
from attacked_world import POLICY, STANDING, Outside, Seen, attacked_again
from attacked_world import attacked as came_of
from command_line import typed
from deciding import WELL
from injections import AGREES, INJECTIONS, MARK, ORDERS, Injection, Order, Place, answer, places, planted, poisoned
from poisoned_sources import KINDS, alarm_now, everything

from autocloudops.alarms.model import Alarm, AlarmState, Suppression
from autocloudops.catalogue.model import Capacity
from autocloudops.cli.output import Output, note, print_json, print_lines, print_rows
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.gathering import Piece
from autocloudops.diagnosis.prompt import INSTRUCTIONS, PROMPT_TOKENS
from autocloudops.diagnosis.tokens import estimated_tokens

SHARED = File(__file__).parents[2].parent / "shared" / "alarms"
REAL = sorted(SHARED.rglob("*.json"))
BLOCK = re.compile(r'<evidence id="E\d+" kind="[a-z-]+" source="[^"<>\n]*"(?: missing="true")?>\n[^<>]*\n</evidence>')
OFFERS = re.compile(r"<offered_actions>\n[^<>]*\n</offered_actions>")
SELECTORS = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F})
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
PROSE = ("AlarmDescription", "description")
PLACES_OF_ONE = 40
"""Places of one real message that are attacked outside the long run."""


def unseen(text: str) -> set[str]:
    """Return the characters of a text that nobody sees, but for line feeds and tabs."""
    return {each for each in set(text) - {"\n", "\t"} if unicodedata.category(each) in UNSEEN or ord(each) in SELECTORS}


def contained(question: str) -> None:
    """Hold that planted text stands inside data blocks alone, that none of it closes one, and that all is bounded."""
    assert question.startswith(INSTRUCTIONS)
    around = OFFERS.sub("", BLOCK.sub("", question.removeprefix(INSTRUCTIONS)))
    assert MARK not in around
    assert not {"<", ">"} & set(around)
    assert estimated_tokens(question) <= PROMPT_TOKENS


def held(seen: Seen, may: Started | None) -> None:
    """Hold what no text may break: nothing but `may` is requested, and nobody is shown what cannot be seen."""
    assert list(seen.started) in ([], [may])
    for question in seen.questions:
        contained(question)
    shown = (*seen.heard, seen.told.subject, seen.told.text, *seen.told.attributes.values(), seen.line)
    assert not set().union(*map(unseen, shown))


def attacks(body: object, each: int) -> Iterator[tuple[Place, Injection, Order]]:
    """Yield every place of a message with `each` attacks, so that injections and orders take turns."""
    turn = count()
    for place in places(body):
        for number in islice(turn, each):
            yield place, INJECTIONS[number % len(INJECTIONS)], ORDERS[number % len(ORDERS)]


def hold_all(trouble: Trouble, shape: str, wanted: Iterable[tuple[Place, Injection, Order]]) -> int:
    """Attack one message in every wanted way, and return how many alarms could be read in what it became."""
    body, read = SHAPES[shape](trouble), 0
    for place, injection, order in wanted:
        for alarm in alarms_in(planted(body, place, injection.text)):
            held(came_of(alarm, order.reply(injection.text)), trouble.may)
            read += 1
    return read


def agreeing(trouble: Trouble) -> Order:
    """Return the order that chooses what the catalogue offers for a trouble anyway."""
    actions = {
        "a busy service": "scale_out_service",
        "a leaking service": "restart_service",
        "a busy group": "scale_out_group",
        "a crowded database": "restart_database_clients",
        "a full disk": "clean_logs",
    }
    return next(order for order in AGREES if order.name == f"agrees with {actions[trouble.name]}")


def alarm_of(shape: str, trouble: Trouble = BUSY, text: str = "") -> Alarm:
    """Return the alarm of a message whose description holds an attacker's text."""
    body = SHAPES[shape](trouble)
    prose = next(place for place in places(body) if place.way[-1] in PROSE and place.how == "behind")
    (alarm,) = alarms_in(planted(body, prose, text))
    return alarm


def changed(**changes: object) -> ActionFacts:
    """Return facts of which some are not well."""
    return WELL.model_copy(update=changes)


def standing(**changes: object) -> Outside:
    """Return a source that says how the alarm stands, not well in some way."""
    assert STANDING.standing
    return Outside([STANDING.model_copy(update={"standing": STANDING.standing.model_copy(update=changes)})])


@pytest.mark.parametrize("shape", SHAPES)
def test_no_field_of_any_message_requests_what_was_not_offered(shape: str) -> None:
    """Wherever an order stands, at most the one request is made that the alarm's own resource binds."""
    assert hold_all(BUSY, shape, attacks(SHAPES[shape](BUSY), 1)) > 5


@pytest.mark.soak
@pytest.mark.parametrize(
    ("shape", "trouble"),
    [*((shape, BUSY) for shape in SHAPES), *(("sns_alarm", trouble) for trouble in TROUBLES[1:])],
    ids=str,
)
def test_every_injection_in_every_field(shape: str, trouble: Trouble) -> None:
    """The whole product of fields and injections, with the orders in turn, requests nothing else."""
    assert hold_all(trouble, shape, attacks(SHAPES[shape](trouble), len(INJECTIONS))) > 100


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_no_order_goes_beyond_the_offer(trouble: Trouble) -> None:
    """An order counts where it names the offered action and nothing else, and then target and count are the alarm's."""
    alarm = alarm_of("sns_alarm", trouble, INJECTIONS[0].text)
    for order in ORDERS:
        seen = came_of(alarm, order.reply(INJECTIONS[0].text))
        held(seen, trouble.may)
        agrees = order == agreeing(trouble) and trouble.may is not None
        assert list(seen.started) == ([trouble.may] if agrees else []), order.name


@pytest.mark.parametrize("number", range(len(INJECTIONS)))
def test_every_source_poisoned_at_once_moves_no_target(number: int) -> None:
    """All texts of the message and all sources say the same lie; what is requested is still the alarm's own."""
    text = INJECTIONS[number].text
    alarm = alarm_of(OFFERING[number % len(OFFERING)], BUSY, text)
    seen = came_of(alarm, agreeing(BUSY).reply(text), everything(text, alarm))
    held(seen, BUSY.may)
    assert list(seen.started) == [BUSY.may]
    assert {piece.kind for piece in seen.case.story.evidence} >= KINDS
    assert MARK in seen.questions[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_message_that_is_poisoned_throughout_requests_nothing_else(shape: str) -> None:
    """Whatever can still be read of a message with an injection behind every text of it binds nothing of its own."""
    for number, injection in enumerate(INJECTIONS[list(SHAPES).index(shape) % 3 :: 3]):
        trouble = TROUBLES[number % len(TROUBLES)]
        for alarm in alarms_in(poisoned(SHAPES[shape](trouble), injection.text)):
            held(came_of(alarm, agreeing(trouble).reply(injection.text)), trouble.may)


@pytest.mark.parametrize("shape", OFFERING)
def test_a_dimension_that_is_no_name_binds_nothing(shape: str) -> None:
    """A sentence in the place of a cluster or service offers no action, so that none can be chosen."""
    body = SHAPES[shape](BUSY)
    named = [each for each in places(body) if each.how != "name" and _text_at(body, each) in SERVICE.values()]
    assert len(named) == 4
    for number, injection in enumerate(INJECTIONS[OFFERING.index(shape) % 2 :: 2]):
        for alarm in alarms_in(planted(body, named[number % 4], injection.text)):
            assert not came_of(alarm, agreeing(BUSY).reply(injection.text)).started


def _text_at(body: Any, place: Place) -> object:  # noqa: ANN401 - JSON of any depth
    for step in place.way:
        body = json.loads(body) if isinstance(body, str) else body[step]
    return body


@pytest.mark.skipif(not REAL, reason="the folder of real alarms is not beside this repository")
def test_real_messages_request_nothing_whatever_stands_in_them() -> None:
    """Alarms of accounts that the policy does not name stay untouched, in whichever field an order stands."""
    turn = count()
    for file in REAL:
        body = json.loads(file.read_text("utf-8"))
        for place in islice(places(body), next(turn) % 7, PLACES_OF_ONE, 16):
            injection, order = INJECTIONS[next(turn) % len(INJECTIONS)], ORDERS[next(turn) % len(ORDERS)]
            for alarm in alarms_in(planted(body, place, injection.text))[:1]:
                held(came_of(alarm, order.reply(injection.text)), None)
    assert next(turn) > len(REAL)


HELD_BACK: dict[str, tuple[ActionFacts, Outside]] = {
    "freshness": (WELL, standing(state=AlarmState.OK)),
    "suppression": (WELL, standing(suppression=Suppression(by="MuteRule"))),
    "unread": (WELL, Outside([])),
    "control": (changed(control=Mode.DRY_RUN), Outside([STANDING])),
    "no control item": (changed(control=None), Outside([STANDING])),
    "tags": (changed(tags={}), Outside([STANDING])),
    "deny tag": (changed(tags={"autocloudops:allow": "true", "autocloudops:deny": ""}), Outside([STANDING])),
    "bounds": (changed(capacity=Capacity(desired=20, running=20, least=2, most=20)), Outside([STANDING])),
    "breaker": (changed(breaker="two of ten did not help"), Outside([STANDING])),
    "permission": (changed(missing=("ssm:StartAutomationExecution",)), Outside([STANDING])),
    "state": (changed(state=Unknown(unknown="no answer")), Outside([STANDING])),
    "veto": (WELL, Outside([STANDING.model_copy(update={"vetoes": ("the threshold can never be reached",)})])),
    "robot": (WELL, Outside([STANDING.model_copy(update={"robots": ("autoscaling acts on the alarm",)})])),
}


@pytest.mark.parametrize("gate", HELD_BACK)
def test_an_attacker_who_agrees_meets_every_other_gate(gate: str) -> None:
    """A text that only names the allowed action, with confidence 10, starts nothing that a fact speaks against."""
    facts, source = HELD_BACK[gate]
    alarm = alarm_of("sns_alarm", BUSY, INJECTIONS[0].text)
    reply = agreeing(BUSY).reply(INJECTIONS[0].text)
    assert list(came_of(alarm, reply).started) == [BUSY.may]
    unapproved = [each for each in came_of(alarm, reply, [source], facts).started if not each.approval]
    assert not unapproved


def test_a_forged_name_of_another_resource_is_seen_through() -> None:
    """A message that gives an alarm other dimensions than CloudWatch has of it starts nothing."""
    forged = replace(BUSY, dimensions={"ClusterName": "shop", "ServiceName": "payments"})
    for shape in OFFERING:
        (alarm,) = alarms_in(SHAPES[shape](forged))
        seen = came_of(alarm, answer("scale_out_service", MARK), [alarm_now("pages")])
        assert (list(seen.started), seen.case.story.decision.refused_by) == ([], "hygiene")


def test_a_forged_reason_turns_no_comparison() -> None:
    """EventBridge's comparison stands in a text, so that whoever sets a state may turn it: CloudWatch's own counts."""
    (alarm,) = alarms_in(SHAPES["eventbridge"](BUSY))
    for operator, refused_by in (("GreaterThanThreshold", None), ("LessThanThreshold", "hygiene")):
        seen = came_of(alarm, answer("scale_out_service", MARK), [alarm_now("pages", ComparisonOperator=operator)])
        assert seen.case.story.decision.refused_by == refused_by


def test_a_real_alarm_of_another_resource_meets_that_resource_s_own_tags() -> None:
    """Who may create alarms chooses targets: what was not opted in by its tag, or is our own, is none."""
    assert BUSY.may
    other = replace(BUSY, dimensions={"ClusterName": "shop", "ServiceName": "payments"})
    may = replace(BUSY.may, parameters={**BUSY.may.parameters, "Service": "payments"})
    (alarm,) = alarms_in(SHAPES["sns_alarm"](other))
    assert list(came_of(alarm, answer("scale_out_service", MARK)).started) == [may]
    assert not came_of(alarm, answer("scale_out_service", MARK), facts=changed(tags={})).started
    own = replace(BUSY, dimensions={"ClusterName": "shop", "ServiceName": "autocloudops-worker"})
    (alarm,) = alarms_in(SHAPES["sns_alarm"](own))
    assert not came_of(alarm, answer("scale_out_service", MARK)).started


def test_an_attacker_who_repeats_himself_spends_a_budget() -> None:
    """Many alarms of one service start one action, and many services no more of one runbook than its hour allows."""
    body = SHAPES["sns_alarm"](BUSY)
    of_one = [alarm for number in range(6) for alarm in alarms_in(body | _named(number))]
    reply = agreeing(BUSY).reply(INJECTIONS[0].text)
    assert list(attacked_again(of_one, reply)) == [BUSY.may]
    others = [replace(BUSY, dimensions=SERVICE | {"ServiceName": f"api-{number}"}) for number in range(6)]
    of_many = [alarm for each in others for alarm in alarms_in(SHAPES["sns_alarm"](each) | _named(0))]
    assert len(attacked_again(of_many, reply)) == ClaimLimits().runbook_per_hour


def _named(number: int) -> dict[str, str]:
    """Return the fields that make a message one of an alarm of its own."""
    return {"AlarmName": f"cpu-{number}", "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:cpu-{number}"}


def test_the_policy_of_these_tests_can_act() -> None:
    """Without an attack the same world starts what each alarm may have, so that silence above means something."""
    assert POLICY.mode is Mode.ACTIVE
    started = [
        came_of(alarm_of(shape, trouble), agreeing(trouble).reply("ok")).started
        for shape in OFFERING
        for trouble in TROUBLES
    ]
    assert list(chain(*started)) == [trouble.may for _ in OFFERING for trouble in TROUBLES if trouble.may]


@pytest.mark.parametrize("output", ["table", "text", "json"])
@pytest.mark.parametrize("verb", ["parse", "lint"])
def test_nothing_reaches_a_terminal_that_it_would_obey(verb: str, output: str) -> None:
    """What the command line prints of a hostile message holds no escape and nothing invisible."""
    turn = cycle(SHAPES[shape](BUSY) for shape in OFFERING)
    bodies = [poisoned(next(turn), injection.text) for injection in INJECTIONS]
    bodies += [sns_alarm(AlarmName=injection.text, AlarmDescription=injection.text) for injection in INJECTIONS]
    result = typed("--output", output, "alarms", verb, "-", piped=json.dumps(bodies))
    assert result.output.count(MARK) > len(INJECTIONS) / 2
    assert not unseen(result.output)


@pytest.mark.parametrize("output", list(Output))
def test_the_last_layer_of_output_cleans_what_others_forgot(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, lines, documents and remarks leave the command line visible, whoever made them."""
    for injection in INJECTIONS:
        print_rows(output, [{"what": injection.text}], ("what",))
        print_lines(Output.TEXT, [injection.text])
        print_json({injection.text: injection.text})
        note(injection.text)
    printed = capsys.readouterr()
    assert printed.out.count(MARK) > 2 * len(INJECTIONS)
    assert printed.err.count(MARK) == len(INJECTIONS)
    assert not unseen(printed.out + printed.err)


def test_a_hostile_piece_of_evidence_is_bounded_too() -> None:
    """A source that floods the question leaves room for the alarm, which stays first."""
    alarm = alarm_of("sns_alarm")
    flood = Outside([STANDING, *(Piece(kind="log", source=MARK, text=f"{MARK} " * 4000, worth=99) for _ in range(40))])
    seen = came_of(alarm, agreeing(BUSY).reply(MARK), [flood])
    held(seen, BUSY.may)
    assert seen.case.story.evidence[0].kind == "alarm"
    assert "was left out" in seen.questions[0]
