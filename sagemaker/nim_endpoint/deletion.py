"""The steps that take an endpoint away, or why they are not taken; pure."""

from nim_endpoint.found import Found, Status
from nim_endpoint.planning import Action, Plan, Step, Verdict, refused


def plan_deletion(name: str, found: Found, consumer: str | None) -> Plan:
    """Return the steps that delete the endpoint called `name`, with its components, configurations and models.

    Args:
        name: the endpoint.
        found: what is there.
        consumer: whose own lease is no hindrance.
    """
    if found.status is None:
        return _rest(name, found, ())
    if refusal := _refusal(name, found, consumer):
        return refused(refusal)
    if found.status.is_passing and found.status is not Status.DELETING:
        wait = Step(action=Action.WAIT, name=name, why=f"it is {found.status}; only then is deleting it legal")
        return _rest(name, found, (wait, *_endpoint(name, found)))
    return _rest(name, found, _endpoint(name, found))


def _refusal(name: str, found: Found, consumer: str | None) -> str:
    """Return why the endpoint stays; empty where nothing speaks for it."""
    if not found.owned:
        return f"{name} was not made here: its owner deletes it"
    if others := found.others(consumer):
        since = ", ".join(f"{each} (since {found.leases[each]})" for each in others)
        return f"{name} is used by {since}: each of them releases it: `endpoint release NAME --consumer …`"
    if foreign := [each.name for each in found.hosted(name) if not each.owned]:
        return f"the component {foreign[0]} on {name} was not made here: its owner deletes it first"
    return found.misnamed(name)


def _endpoint(name: str, found: Found) -> tuple[Step, ...]:
    gone = Step(action=Action.WAIT, name=name, why="it goes")
    if found.status is Status.DELETING:
        return (gone,)
    return (Step(action=Action.DELETE_ENDPOINT, name=name), gone)


def _rest(name: str, found: Found, endpoint: tuple[Step, ...]) -> Plan:
    """Components go first, because those of an endpoint that is gone block its name; what it was made of goes last."""
    steps = [*_components(name, found), *endpoint]
    steps += [Step(action=Action.DELETE_CONFIG, name=each) for each in found.left_configs]
    steps += [Step(action=Action.DELETE_MODEL, name=each) for each in found.left_models]
    return Plan(verdict=Verdict.DELETE if steps else Verdict.NOTHING, steps=tuple(steps))


def _components(name: str, found: Found) -> list[Step]:
    steps = []
    for each in (each for each in found.hosted(name) if each.owned):
        if each.status.is_passing and each.status is not Status.DELETING:
            steps.append(Step(action=Action.WAIT, name=each.name, why=f"it is {each.status}"))
        if each.status is not Status.DELETING:
            steps.append(Step(action=Action.DELETE_COMPONENT, name=each.name))
        steps.append(Step(action=Action.WAIT, name=each.name, why="it goes"))
    return steps
