"""The one way in which text is shortened, so that a reader always sees that it was."""


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, ending in `…[cut N characters]` where N were left out.

    Args:
        text: any text.
        limit: the bound in characters, the mark included. A bound too small for the mark leaves the mark out.
    """
    if len(text) <= limit:
        return text
    widest_mark = _mark(len(text))
    kept = limit - len(widest_mark)
    if kept <= 0:
        return text[: max(limit, 0)]
    return text[:kept] + _mark(len(text) - kept)


def _mark(count: int) -> str:
    return f"…[cut {count} characters]"
