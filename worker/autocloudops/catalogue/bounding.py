"""How far an action may change how much runs: out only, by half at most, inside every limit, as an absolute count."""

from collections.abc import Mapping

from autocloudops.catalogue.model import ActionRequest, Capacity

WANTED, EXPECTED = "DesiredCount", "ExpectedDesiredCount"


def scaled_out(request: ActionRequest, capacity: Capacity) -> ActionRequest | str:
    """Return `request` for half as much again, at least one more, or say why nothing is added.

    The count is absolute, and the runbook refuses where what runs by then is no longer what was read.

    Args:
        request: what would be scaled out.
        capacity: how much of its target is wanted and runs now, and between which limits.
    """
    refusal = _refusal(capacity)
    if refusal:
        return refusal
    wanted = capacity.desired + max(1, (capacity.desired + 1) // 2)
    if capacity.most is not None:
        wanted = min(wanted, capacity.most)
    return _counted(request, wanted, capacity.desired)


def scaled_back(request: ActionRequest, before: Mapping[str, str]) -> ActionRequest | None:
    """Return the request that sets the count back to what it was, or None where that is not known.

    Args:
        request: the bounded request that was run.
        before: what its target was like then, with `DesiredCount`.
    """
    now, earlier = request.parameters.get(WANTED, ""), before.get(WANTED, request.parameters.get(EXPECTED, ""))
    if not (_is_count(now) and _is_count(earlier)):
        return None
    return _counted(request, int(earlier), int(now))


def _refusal(capacity: Capacity) -> str:
    if capacity.desired < 1:
        return "its desired count is 0: what somebody switched off stays off"
    if capacity.least is not None and capacity.desired < capacity.least:
        return f"it runs {capacity.desired}, under its minimum of {capacity.least}: something else is changing it"
    if capacity.most is not None and capacity.desired >= capacity.most:
        by = f" of scaling policy {', '.join(capacity.scaled_by)}" if capacity.scaled_by else ""
        return f"it is at its maximum of {capacity.most}{by} already: change it in code"
    return ""


def _counted(request: ActionRequest, wanted: int, expected: int) -> ActionRequest:
    parameters = {**request.parameters, WANTED: str(wanted), EXPECTED: str(expected)}
    return request.model_copy(update={"parameters": parameters})


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) > 0
