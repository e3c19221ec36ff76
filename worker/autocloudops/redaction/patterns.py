"""The table of secrets: how each kind looks, and the words without which no line is searched for it.

A new kind is one row. Every expression is anchored and every repetition bounded, and none starts inside a run that it
could itself consume, so that a line costs time in proportion to its length. The group `keep` is what stays in front of
the placeholder.

Access key ids: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (unique id prefixes).
"""

import re
from dataclasses import dataclass

LINE_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of secret.

    Args:
        kind: the placeholder's name: the secret becomes `<kind>`.
        hints: lower-case words; a line without any of them cannot hold this kind.
        expression: matches `keep` and then the secret.
    """

    kind: str
    hints: tuple[str, ...]
    expression: re.Pattern[str]

    def hinted(self, lowered: str) -> bool:
        """Tell whether `lowered`, text in lower case, can hold this kind at all."""
        return any(hint in lowered for hint in self.hints)

    def replace(self, line: str) -> str:
        """Return `line` with every secret of this kind replaced."""
        return self.expression.sub(rf"\g<keep><{self.kind}>", line)


KINDS = (
    "aws-access-key",
    "aws-secret-key",
    "jwt",
    "authorization",
    "bearer-token",
    "api-token",
    "url-password",
    "password",
    "secret",
    "token",
    "email",
)

_NOTHING = r"(?P<keep>)"
_QUOTE = r"\\{0,3}[\"']"
_SEPARATOR = rf"(?:{_QUOTE})?\s{{0,4}}(?:=>|:=|[:=])\s{{0,4}}"
_DELIMITERS = r"\s\"',;&)}\]"
_PLACEHOLDER = rf"<(?:{'|'.join(KINDS)})>(?![^{_DELIMITERS}\\])"
_SUFFIX = r"(?:[_-]?(?:access|key|token|string|value|hash|text)){0,3}s?\d{0,3}"


def _assigned(names: str, shortest: int) -> re.Pattern[str]:
    """Return an expression for `name=value`, `name: value` and `"name": "value"`, quotes escaped or not."""
    keep = rf"(?P<keep>(?:{names}){_SUFFIX}{_SEPARATOR}(?P<quote>{_QUOTE})?)"
    quoted = rf"(?:(?!(?P=quote))(?:\\.|.)){{{shortest},{LINE_LIMIT}}}"
    bare = rf"[^{_DELIMITERS}]{{{shortest},{LINE_LIMIT}}}"
    return re.compile(rf"{keep}(?!{_PLACEHOLDER})(?(quote){quoted}|{bare})", re.IGNORECASE)


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "aws-access-key",
        ("akia", "asia", "abia", "acca"),
        re.compile(rf"{_NOTHING}(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}(?![A-Z0-9])"),
    ),
    Pattern(
        "aws-secret-key",
        ("secret", "aws", "akia", "asia"),
        re.compile(
            rf"{_NOTHING}(?<![A-Za-z0-9/+])(?=[^A-Z]{{0,39}}[A-Z])(?=[^a-z]{{0,39}}[a-z])(?=\D{{0,39}}\d)"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
    ),
    Pattern(
        "jwt",
        ("eyj",),
        re.compile(
            rf"{_NOTHING}(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{{5,{LINE_LIMIT}}}\.[A-Za-z0-9_-]{{5,{LINE_LIMIT}}}"
            rf"(?:\.[A-Za-z0-9_-]{{0,{LINE_LIMIT}}})?"
        ),
    ),
    Pattern(
        "authorization",
        ("authorization",),
        re.compile(
            rf"(?P<keep>authorization{_SEPARATOR}(?:{_QUOTE})?(?:basic|bearer|digest|negotiate|token)\s{{1,4}})"
            rf"(?!{_PLACEHOLDER})[^{_DELIMITERS}\\]{{1,{LINE_LIMIT}}}",
            re.IGNORECASE,
        ),
    ),
    Pattern(
        "bearer-token",
        ("bearer",),
        re.compile(
            rf"(?P<keep>\bbearer\s{{1,4}})(?=[A-Za-z._~+/-]{{0,{LINE_LIMIT}}}\d)[A-Za-z0-9._~+/-]{{16,{LINE_LIMIT}}}={{0,2}}",
            re.IGNORECASE,
        ),
    ),
    Pattern(
        "api-token",
        ("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xox", "nvapi"),
        re.compile(
            rf"{_NOTHING}(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|nvapi[-])"
            rf"[A-Za-z0-9_-]{{16,{LINE_LIMIT}}}"
        ),
    ),
    Pattern(
        "url-password",
        ("://",),
        re.compile(r"(?P<keep>://[^\s/:@\"']{0,256}:)[^\s/\"']{1,256}(?=@)"),
    ),
    Pattern("password", ("pass", "pwd"), _assigned(r"pass(?:word|wd|phrase|code)|pwd", 1)),
    Pattern(
        "secret",
        ("secret", "key", "signature"),
        _assigned(r"secret|(?:api|access|private|auth|account)[_-]?key|signature", 6),
    ),
    Pattern("token", ("token",), _assigned("token", 12)),
    Pattern(
        "email",
        ("@",),
        re.compile(
            rf"{_NOTHING}(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{1,64}}@[A-Za-z0-9.-]{{1,253}}\.[A-Za-z]{{2,24}}"
            r"(?![A-Za-z0-9])"
        ),
    ),
)
