"""Internet addresses: evidence in most teams, personal data in some; replaced only where `configure` is told so."""

from ipaddress import IPv6Address

from autocloudops.redaction.pattern import Pattern

_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"


def _is_version_6(text: str) -> bool:
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


ADDRESSES = (
    Pattern("address", (), rf"(?a)(?<![\w.-]){_BYTE}(?:\.{_BYTE}){{3}}(?![\w-]|\.\d)"),
    Pattern(
        "address",
        ("::", ":0:", "2001:", "2600:", "2a0", "fe80:", "fd"),
        r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])",
        _is_version_6,
        folded=True,
    ),
)
