"""The order in which the steps of a runbook may run, and what stands on every way to a step.

Steps go forward only: each names steps that stand below it, so that a runbook always ends.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from autocloudops.cli.runbooks.documents import Step


def wrong_order(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the way through the steps: the step, and what is wrong with it."""
    places = {step.name: number for number, step in enumerate(steps)}
    if len(places) < len(steps):
        yield "mainSteps", "two steps have the same name"
    for number, step in enumerate(steps):
        for name in step.followers:
            if places.get(name, -1) <= number:
                yield step.name, f"goes on to {name}, which is no step below it"
        yield from ((step.name, wrong) for wrong in _wrong_end(step))
    reached = set(reachable(steps))
    yield from ((step.name, "is never reached") for step in steps if step.name not in reached)


def _wrong_end(step: Step) -> Iterator[str]:
    if step.action == "aws:branch":
        if not step.inputs.get("Default"):
            yield "has no Default: without one, what no choice fits is not decided"
        if step.next_step or step.is_end:
            yield "is a branch, which goes on by its choices alone"
        return
    if bool(step.next_step) == step.is_end:
        yield "says neither or both of nextStep and isEnd"
    if step.on_failure is None or step.is_critical is None:
        yield "does not say onFailure and isCritical"
    if step.on_failure == "Continue" and (step.changes or step.outputs or not step.is_end):
        yield "goes on when it fails, which only the last wait may"


def reachable(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the names of the steps that some way leads to, in their order."""
    reached = {steps[0].name}
    for step in steps:
        if step.name in reached:
            reached.update(step.followers)
    return tuple(step.name for step in steps if step.name in reached)


def surely_before(steps: Sequence[Step]) -> Mapping[str, frozenset[str]]:
    """Return for each step that is reached the steps that stand on every way to it."""
    before: dict[str, frozenset[str]] = {steps[0].name: frozenset()}
    for step in steps:
        if step.name not in before:
            continue
        ran = before[step.name] | {step.name}
        for name in step.followers:
            before[name] = before[name] & ran if name in before else ran
    return before


def unguarded(steps: Sequence[Step], guard: Callable[[Step], bool]) -> frozenset[str]:
    """Return the steps that some way leads to on which no step before it is a guard."""
    open_ways = {steps[0].name}
    for step in steps:
        if step.name in open_ways and not guard(step):
            open_ways.update(step.followers)
    return frozenset(open_ways)
