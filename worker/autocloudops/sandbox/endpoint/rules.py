"""The engine `simulated/rules`: a deterministic stand-in for a language model.

It is given the request and nothing else, reads what a model would read there, and answers in the schema that the
server enforces. The alarm's metric suggests an action; what stands beside the alarm may speak against it, and then a
person should look. Where the server enforces no schema, the answer is buried in prose, so that nobody takes it for an
enforced one. It is no model: it knows the rows of `symptoms.SYMPTOMS` and the rules of `reasoning`, and cannot be
talked into anything.
"""

import json
from collections.abc import Sequence
from typing import cast

from autocloudops.sandbox.endpoint.figures import Figures
from autocloudops.sandbox.endpoint.grammar import fitted
from autocloudops.sandbox.endpoint.reading import Exhibit, Offer, Reading, read
from autocloudops.sandbox.endpoint.reasoning import Remark, compared, remarks
from autocloudops.sandbox.endpoint.symptoms import SYMPTOMS, UNKNOWN, Symptom
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion

MODEL = "simulated/rules"
MANUAL_WORDS = ("investigate", "manual", "none")
NO_FIGURES_CONFIDENCE = 3
UNKNOWN_CONFIDENCE = 4
CONFIDENCE_BY_DATAPOINTS = {1: 5, 2: 6}
SUSTAINED_CONFIDENCE = 8
OBJECTION_CONFIDENCE = 8
UNSUPPORTED_CONFIDENCE = 6
HIGHEST_CONFIDENCE = 10
PROSE = "This is how I read the alarm:\n\n```json\n{reply}\n```\n\nTell me if I should look further."


class RulesEngine:
    """Answers by rule; see the module."""

    model = MODEL

    async def answer(self, request: ChatRequest) -> Completion:
        """Return the rules' reply to `request`: JSON fitted to the schema that is enforced, else prose around JSON."""
        reply = diagnose(read(request.messages))
        if request.schema_wanted is not None:
            return Completion(content=json.dumps(fitted(reply, request.schema_wanted)))
        said = json.dumps(reply)
        return Completion(content=said if request.json_wanted else PROSE.format(reply=said))


def diagnose(reading: Reading) -> dict[str, object]:
    """Return the reply to what a prompt shows: action, confidence from 1 to 10, cited ids, gaps and root cause."""
    alarms = [exhibit for exhibit in reading.exhibits if exhibit.kind == "alarm"] or list(reading.exhibits)
    symptom, shown = _recognised(alarms)
    figures = next((found for found in map(_figures, shown or alarms) if found.complete), Figures())
    suggested = _action(symptom, reading.offers)
    reply: dict[str, object] = {
        "action": suggested,
        "confidence": _confidence(symptom, figures),
        "evidence_for": [exhibit.id for exhibit in shown],
        "evidence_against": [exhibit.id for exhibit in alarms if _recovered(exhibit)],
        "gaps": _gaps(reading.exhibits, figures),
        "root_cause": symptom.cause.format(where=_where(alarms), figures=figures.in_words()),
    }
    if any(word in suggested for word in MANUAL_WORDS):
        return reply
    return _weighed(reply, remarks(suggested, reading.exhibits), reading)


def _weighed(reply: dict[str, object], found: Sequence[Remark], reading: Reading) -> dict[str, object]:
    """Return the reply after everything was read: a person looks where anything speaks against what it suggests."""
    against = [remark for remark in found if remark.against]
    shown, recovered = cast("list[str]", reply["evidence_for"]), cast("list[str]", reply["evidence_against"])
    support = [remark.exhibit for remark in found if not remark.against]
    if against:
        cited = [remark.exhibit for remark in against]
        return reply | {
            "action": _manual(reading.offers),
            "confidence": OBJECTION_CONFIDENCE,
            "evidence_for": cited,
            "evidence_against": [each for each in (*shown, *support) if each not in cited],
            "root_cause": f"{against[0].against}. What the alarm's metric alone suggests is not the cause.",
        }
    confidence = cast("int", reply["confidence"])
    if support:
        confidence = min(confidence + 1, HIGHEST_CONFIDENCE)
    elif compared(reading.exhibits):
        confidence = min(confidence, UNSUPPORTED_CONFIDENCE)
    return reply | {
        "confidence": confidence,
        "evidence_for": [*shown, *support],
        "evidence_against": [each for each in recovered if each not in shown],
    }


def _recognised(alarms: Sequence[Exhibit]) -> tuple[Symptom, list[Exhibit]]:
    """Return the first symptom that metrics show, else names, else rules, queries and reasons; and where it shows."""
    for words in (_metric_words, _name_words, _other_words):
        for symptom in SYMPTOMS:
            shown = [alarm for alarm in alarms if symptom.shows_in(words(alarm))]
            if shown:
                return symptom, shown
    return UNKNOWN, list(alarms)


def _metric_words(exhibit: Exhibit) -> str:
    return " ".join(value.partition("[")[0] for value in exhibit.values("metric", "query"))


def _name_words(exhibit: Exhibit) -> str:
    return " ".join(exhibit.values("name"))


def _other_words(exhibit: Exhibit) -> str:
    return " ".join(exhibit.values("rule", "children", "log or promql query", "reason"))


def _figures(exhibit: Exhibit) -> Figures:
    return Figures.of(" ".join(exhibit.values("reason")))


def _action(symptom: Symptom, offers: Sequence[Offer]) -> str:
    return _named(offers, (*symptom.remedy, *MANUAL_WORDS))


def _manual(offers: Sequence[Offer]) -> str:
    return _named(offers, MANUAL_WORDS)


def _named(offers: Sequence[Offer], words: Sequence[str]) -> str:
    for word in words:
        for offer in offers:
            if word in offer.name.lower():
                return offer.name
    return offers[0].name if offers else ""


def _confidence(symptom: Symptom, figures: Figures) -> int:
    if not figures.complete:
        return NO_FIGURES_CONFIDENCE
    if symptom is UNKNOWN:
        return UNKNOWN_CONFIDENCE
    return CONFIDENCE_BY_DATAPOINTS.get(figures.crossed, SUSTAINED_CONFIDENCE) + figures.wide


def _gaps(exhibits: Sequence[Exhibit], figures: Figures) -> list[str]:
    gaps = [] if figures.complete else ["datapoints and threshold of the alarm"]
    if all(exhibit.kind == "alarm" for exhibit in exhibits):
        gaps.append("recent deployments and metric history of the resource")
    return gaps


def _recovered(exhibit: Exhibit) -> bool:
    return any(state.endswith("OK") for state in exhibit.values("state"))


def _where(alarms: Sequence[Exhibit]) -> str:
    resources = [value for alarm in alarms for value in alarm.values("resource")]
    return resources[0].partition(" (")[0] if resources else "the resource"
