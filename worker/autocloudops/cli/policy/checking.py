"""`policy`: is a policy file right, what does it mean, and what would it say to one case?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from pathlib import Path

import typer

from autocloudops.alarms.model import ResourceRef
from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.policy.words import meaning, permissions, warnings
from autocloudops.cli.program import ExitCode
from autocloudops.decisions.facts import AlarmFacts
from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.gates.allow_list import not_there, untouchable
from autocloudops.decisions.model import ModeLimit, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.policy_file import Fault, check_policy, parse_policy, schema
from autocloudops.decisions.rules import did_you_mean
from autocloudops.errors import InputUnreadable

_BY_MODE = {
    Mode.OFF: Verdict.MANUAL,
    Mode.DRY_RUN: Verdict.DRY_RUN,
    Mode.APPROVE: Verdict.NEEDS_APPROVAL,
    Mode.ACTIVE: Verdict.EXECUTE,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a policy is asked about; what is not given is not looked at."""

    account: str
    action: str
    alarm: str
    region: str | None = None
    metric: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """What a policy says to one case, before anything is known about it.

    `refused` says what stops it whatever happens, `at_most` is the verdict when nothing else does.
    """

    limits: tuple[ModeLimit, ...]
    refused: tuple[str, ...]
    risk: Risk
    at_most: Verdict

    @property
    def limit(self) -> ModeLimit:
        """The effective mode, and what sets it."""
        return min(self.limits, key=lambda limit: limit.mode)


def check_file(file: Path, output: Output) -> ExitCode:
    """Print what is wrong with a policy file, or what it means.

    Returns:
        CHECK_FAILED where something is wrong.

    Raises:
        InputUnreadable: the file cannot be read.
    """
    found = check_policy(_content(file))
    if isinstance(found, Policy):
        _print_meaning(file, found, output)
        return ExitCode.OK
    _print_faults(file, found, output)
    return ExitCode.CHECK_FAILED


def explain_file(file: Path, asked: Asked, output: Output) -> None:
    """Print what a policy says to one case: its mode and by what, what stops it, and what still may.

    Raises:
        InputUnreadable: the file cannot be read.
        SettingsInvalid: it is no policy.
        typer.BadParameter: the action is not in the catalogue, or a tag is no tag.
    """
    policy = parse_policy(str(file), _content(file))
    explained = explain(policy, asked)
    if asked.metric is None and any(rule.metric for rule in policy.alarms):
        note("rules for alarms by their metric were not looked at: give --metric NAMESPACE/METRIC")
    if output is Output.JSON:
        print_json(_document(explained, policy))
    else:
        print_lines(output, [*_lines(explained, asked), *_still(policy)])


def print_schema() -> None:
    """Print the JSON Schema of a policy file."""
    print_json(schema())


def explain(policy: Policy, asked: Asked) -> Explained:
    """Return what a policy says to one case.

    Raises:
        typer.BadParameter: the action is not in the catalogue, or a tag is no tag.
    """
    if asked.action not in ACTIONS:
        raise typer.BadParameter(f"{asked.action} is not in the catalogue{did_you_mean(asked.action, ACTIONS)}")
    alarm = AlarmFacts(name=asked.alarm, metrics=(asked.metric,) if asked.metric else ())
    limits = tuple(policy.mode_limits([(asked.account, asked.action)], (alarm,)))
    refused = tuple(said for said in (_by_place(policy, asked), _by_tags(policy, asked)) if said)
    risk = policy.risk_of(ACTIONS[asked.action])
    verdict = _BY_MODE[min(limit.mode for limit in limits)]
    if refused or not ACTIONS[asked.action].executes:
        verdict = Verdict.MANUAL
    elif verdict is Verdict.EXECUTE and risk is not Risk.LOW:
        verdict = Verdict.NEEDS_APPROVAL
    return Explained(limits=limits, refused=refused, risk=risk, at_most=verdict)


def _by_place(policy: Policy, asked: Asked) -> str | None:
    rule, region = policy.rule_of(asked.action), asked.region
    kind = rule.resource_types[0] if rule and rule.resource_types else ""
    if region is None:
        region = policy.regions[0] if policy.regions else ""
    return not_there(
        policy, asked.action, ResourceRef(type=kind, id="", account=asked.account, region=region, owner="")
    )


def _by_tags(policy: Policy, asked: Asked) -> str | None:
    if not asked.tags:
        return None
    pairs = [tag.partition("=") for tag in asked.tags]
    if any(not key for key, _, _ in pairs):
        raise typer.BadParameter("a tag is written KEY=VALUE")
    return untouchable(policy, {key: value for key, _, value in pairs})


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputUnreadable(f"{file}: {error.strerror}", "name a policy file") from error


def _print_meaning(file: Path, policy: Policy, output: Output) -> None:
    remarks = warnings(policy)
    if output is Output.JSON:
        print_json(
            {
                "file": str(file),
                "valid": True,
                "version": policy.version,
                "permissions": permissions(policy),
                "meaning": meaning(policy),
                "warnings": remarks,
            }
        )
        return
    print_lines(output, [f"{file}: right, version {policy.version[:12]}", *meaning(policy)])
    for remark in remarks:
        note(f"warning: {remark}")


def _print_faults(file: Path, faults: Sequence[Fault], output: Output) -> None:
    if output is Output.JSON:
        print_json({"file": str(file), "valid": False, "faults": [fault.model_dump() for fault in faults]})
    else:
        print_lines(output, [f"{file}: {fault}" for fault in faults])


def _lines(explained: Explained, asked: Asked) -> list[str]:
    lines = [f"{asked.action} about {asked.alarm} in account {asked.account}: {explained.at_most} at most"]
    lines.append(f"the mode is {explained.limit.mode}, by {explained.limit.by}")
    lines += [f"  {limit.by} says {limit.mode}" for limit in explained.limits]
    lines += [f"refused: {said}" for said in explained.refused]
    if explained.risk is not Risk.LOW:
        lines.append(f"its risk is {explained.risk}: a person approves it")
    return lines


def _still(policy: Policy) -> list[str]:
    configured = [
        f"calendars: {', '.join(policy.calendars) or 'none'}",
        f"guard alarms: {', '.join(policy.guards) or 'none'}",
    ]
    return [
        "what the gates still do, when an alarm is there:",
        *(f"  {name}: {does}" for name, does in _gates().items()),
        *configured,
    ]


def _gates() -> Mapping[str, str]:
    """Return what every gate does, by its name, in the gates' own words."""
    return {gate.__module__.rpartition(".")[2]: (getdoc(gate) or "").partition("\n")[0] for gate in ORDER}


def _document(explained: Explained, policy: Policy) -> Mapping[str, object]:
    return {
        "policy_version": policy.version,
        "mode": explained.limit.mode,
        "by": explained.limit.by,
        "limits": [{"mode": limit.mode, "by": limit.by} for limit in explained.limits],
        "refused": explained.refused,
        "risk": explained.risk,
        "at_most": explained.at_most,
        "gates": _gates(),
    }
