"""The ordered table of rules. A new rule is one function and one row."""

from collections.abc import Callable
from dataclasses import dataclass

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene import coherence, thresholds, wording
from autocloudops.incidents.hygiene.finding import Finding, Found


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong with an alarm.

    Args:
        code: the finding's stable name.
        veto: whether the finding proves the alarm wrong from the alarm alone.
        find: gives a sentence and its evidence, or None.
    """

    code: str
    veto: bool
    find: Callable[[Alarm], Found | None]


RULES: tuple[Rule, ...] = (
    Rule("threshold-always-breaches", True, thresholds.always_breaches),
    Rule("threshold-never-breaches", True, thresholds.never_breaches),
    Rule("datapoints-exceed-window", True, thresholds.datapoints_exceed_window),
    Rule("unit-contradicts-text", True, wording.unit_contradicts_text),
    Rule("comparison-inverted", True, wording.comparison_inverted),
    Rule("reason-contradicts-state", True, coherence.reason_contradicts_state),
    Rule("datapoints-contradict-state", True, coherence.datapoints_contradict_state),
    Rule("composite-rule-constant", True, coherence.composite_rule_constant),
    Rule("comparison-against-text", False, wording.comparison_against_text),
    Rule("comparison-against-nature", False, wording.comparison_against_nature),
    Rule("threshold-implausible", False, thresholds.implausible),
    Rule("fill-breaches", False, thresholds.fill_breaches),
    Rule("statistic-unfit", False, thresholds.statistic_unfit),
    Rule("unit-filters-everything", False, thresholds.unit_filters_everything),
    Rule("math-mixes-owners", False, coherence.math_mixes_owners),
    Rule("composite-names-nothing", False, coherence.composite_names_nothing),
    Rule("fired-on-missing-data", False, coherence.fired_on_missing_data),
)


def findings(alarm: Alarm) -> tuple[Finding, ...]:
    """Return what is wrong with `alarm` as far as the alarm alone shows it, in the order of `RULES`. Never raises."""
    found = ((rule, rule.find(alarm)) for rule in RULES)
    return tuple(
        Finding(code=rule.code, veto=rule.veto, statement=each[0], evidence=each[1]) for rule, each in found if each
    )
