"""The engine `simulated/rules`: a deterministic stand-in for a language model.

It is given the request and nothing else, reads what a model would read there, and answers in the schema that the
server enforces. Where it enforces none, the answer is buried in prose, so that nobody takes it for an enforced one.
It is no model: it knows the rows of `symptoms.SYMPTOMS` and cannot be talked into anything.
"""

import json
from collections.abc import Sequence

from autocloudops.sandbox.endpoint.figures import Figures
from autocloudops.sandbox.endpoint.grammar import fitted
from autocloudops.sandbox.endpoint.reading import Exhibit, Offer, Reading, read
from autocloudops.sandbox.endpoint.symptoms import SYMPTOMS, UNKNOWN, Symptom
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion

MODEL = "simulated/rules"
MANUAL_WORDS = ("investigate", "manual", "none")
NO_FIGURES_CONFIDENCE = 3
UNKNOWN_CONFIDENCE = 4
CONFIDENCE_BY_DATAPOINTS = {1: 5, 2: 6}
SUSTAINED_CONFIDENCE = 8
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
    return {
        "action": _action(symptom, reading.offers),
        "confidence": _confidence(symptom, figures),
        "evidence_for": [exhibit.id for exhibit in shown],
        "evidence_against": [exhibit.id for exhibit in alarms if _recovered(exhibit)],
        "gaps": _gaps(reading.exhibits, figures),
        "root_cause": symptom.cause.format(where=_where(alarms), figures=figures.in_words()),
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
    for word in (*symptom.remedy, *MANUAL_WORDS):
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
