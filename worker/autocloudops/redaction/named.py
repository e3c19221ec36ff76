"""Secrets that only their place tells: what is assigned to a name, given to a flag, or stands in a header or a URL.

Headers: RFC 9110 section 11.6.2, RFC 7617 (basic), RFC 6750 (bearer), RFC 6265 (cookies). Signed URLs:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and their kin of Google and Azure. Names:
what configuration files, connection strings and command lines of common software call a secret.
"""

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass
from functools import cached_property

from autocloudops.redaction.pattern import DELIMITERS, LINE_LIMIT, QUOTE, Pattern
from autocloudops.redaction.placeholders import DIGEST_CHARACTERS, PLACEHOLDER, STAND_IN

# `pass` alone is a word that others end with: it counts at a word's start, as a hump of camel case, or after what has
# passwords. Filters, tests and the like pass as well.
_PASSWORDS = (
    r"pass(?:word|wd|phrase|code)|pwd(?!=/)|(?:(?<![a-z])"
    r"|(?<=db)|(?<=user)|(?<=smtp)|(?<=mail)|(?<=ldap)|(?<=redis)|(?<=root)|(?<=admin)|(?<=mysql)|(?<=require)"
    r"|(?<!by)(?<!low)(?<!high)(?<!band)(?<!all)(?<!test)(?<!tests)(?<!check)(?<!first)(?<!second)(?<!last)"
    r"(?-i:(?<=[a-z0-9])(?=P)))pass"
)
_KEYS = (
    r"(?<!\d:)secret|credential|(?:api|access|private|auth|account|aws|encryption|signing|master|shared|storage"
    r"|subscription|license|webhook|app|consumer|hmac|jwt|client|functions?)[_ -]?key"
)
_SUFFIX = r"(?:[_ -]?(?:access[_ -]?)?(?:key|token|string|value|hash|text|base)){0,3}s?\d{0,3}"
SEPARATOR = rf"(?>(?:{QUOTE})?\s{{0,4}}(?:=>|:=|[:=]|%3[ad]|\\{{1,3}}u003d)\s{{0,4}})"
_BARE = rf"[^{DELIMITERS}]"

# Whatever else a name may be given that is no secret: nothing, a word for it, a reference to where it is kept.
_HARMLESS = (
    r"(?:null|none|nil|undefined|true|false|yes|no|required|optional|missing|invalid|incorrect|empty|expired|failed"
    r"|\[?redacted\]?|\*{2,64}|x{3,64}|\.{3}|%s|-|[|>][+-]?\d?[+-]?"
    r"|\$\{[\w.]{1,80}(?::?-|:?\?[^{}]{0,80})?\}"
    r"|\$\{(?:env|ssm|aws|self|vault):{1,2}[\w./-]{1,80}\}|\$[a-z_]{2,64}|\{\{[^{}]{1,80}\}\}"
    r"|<[a-z_ -]{1,40}>"
    rf"|arn:aws[a-z-]{{0,8}}:{_BARE}{{1,512}})"
)

# A key in an object under a secret's name that says nothing of its own, as in `"password": {"value": …}`.
EMPTY_KEY = r"(?:(?:string|plain|current|default|secret)?[_-]?(?:value|text|string)|plain|current|data|content|s)"
_OPENED = rf"(?P<list>\[\s{{0,4}})?+(?:\{{\s{{0,4}}(?:{QUOTE})?{EMPTY_KEY}{SEPARATOR})?+"

NO_SECRET = rf"(?:{STAND_IN}|{_HARMLESS})"

# The rest of a placeholder, whose kind may look like a name.
_DIGEST = rf"[0-9a-f]{{{DIGEST_CHARACTERS}}}>"


@dataclass(frozen=True)
class Named:
    """What tells that a value is secret.

    Args:
        kind: the placeholder's name.
        hints: words of which each name has one.
        names: expression of the names, without what may follow them, as in `password_hash`.
        least: characters that a secret has at least.
        never: expression of what no secret of this kind is, beside what none is.
        form: expression of how a secret of this kind begins, where a name alone does not tell one.
    """

    kind: str
    hints: tuple[str, ...]
    names: str
    least: int
    never: str = NO_SECRET
    form: str = ""

    @property
    def expression(self) -> str:
        """The expression of a name in full."""
        return f"(?:{self.names}){_SUFFIX}"

    @cached_property
    def ends(self) -> re.Pattern[str]:
        """What a name of this kind ends with."""
        return re.compile(rf"{self.expression}\Z", re.IGNORECASE)

    @cached_property
    def not_secret(self) -> re.Pattern[str]:
        """What no secret of this kind is, as a whole."""
        return re.compile(self.never, re.IGNORECASE)

    @cached_property
    def begins(self) -> re.Pattern[str]:
        """What a secret of this kind begins with."""
        return re.compile(self.form, re.IGNORECASE)

    def may_be(self, text: str) -> bool:
        """Tell whether `text` can be a secret of this kind."""
        return len(text) >= self.least and bool(self.begins.match(text)) and not self.not_secret.fullmatch(text)

    def told_by(self, name: str) -> bool:
        """Tell whether what stands under `name` is secret.

        Hints are plain letters, and an expression that ignores case takes a few other letters for one of them.
        """
        lowered = name.lower()
        hinted = not name.isascii() or any(hint in lowered for hint in self.hints)
        return hinted and bool(self.ends.search(name))


def _assigned(named: Named) -> Pattern:
    """Return the pattern for `name=value`, `name: value` and `"name": "value"`, quotes escaped or not.

    A list is taken with all of its items, and an object up to the value that its first key announces.
    """
    keep = rf"(?P<keep>{named.expression}{SEPARATOR}{_OPENED}(?P<quote>{QUOTE})?+)(?!{_DIGEST})"
    return Pattern(named.kind, named.hints, f"{keep}{value_of(named)}", folded=True)


def value_of(named: Named) -> str:
    """Return the expression of a value after the groups `list` and `quote`, as it is in quotes or without."""
    item = rf"(?:(?!(?P=quote))(?:\\.|.)){{0,{LINE_LIMIT}}}"
    items = rf"(?(list)(?:(?P=quote)\s{{0,4}},\s{{0,4}}(?P=quote){item}){{0,256}})"
    # A reference with a default, and a password in the braces of ODBC, are one piece; other containers are no value.
    braced = rf"\$?\{{[^{{}}\s\"']{{{named.least},256}}\}}{_BARE}{{0,{LINE_LIMIT}}}"
    plain = rf"(?!{named.never}(?![^{DELIMITERS}\\]))(?![\[{{](?:[\s\"'\\\[\]{{}}]|$))"
    bare = rf"{plain}(?:{braced}|{_BARE}{{{named.least},{LINE_LIMIT}}})"
    bare_items = rf"(?(list)(?:\s{{0,4}},\s{{0,4}}{_BARE}{{1,{LINE_LIMIT}}}){{0,256}})"
    return rf"{named.form}(?(quote){_quoted(named.least, named.never)}{items}|{bare}{bare_items})"


def _quoted(least: int = 1, never: str = NO_SECRET) -> str:
    """Return the expression of a value up to its group `quote`, or to the line's end where it was cut.

    A quote that is doubled stands for itself, as in SQL and YAML.
    """
    return rf"(?!{never}(?:(?P=quote)|$))(?:(?P=quote){{2}}|(?!(?P=quote))(?:\\.|.)){{{least},{LINE_LIMIT}}}"


def _given(hints: tuple[str, ...], keep: str, unless: str = STAND_IN) -> Pattern:
    """Return the pattern of a password that a command is given after `keep`, in quotes or without."""
    bare = rf"(?!{unless})[^\s\"'\\]{{1,{LINE_LIMIT}}}"
    return Pattern("password", hints, rf"(?P<keep>{keep}(?P<quote>{QUOTE})?+)(?(quote){_quoted()}|{bare})", folded=True)


def _after(kind: str, hints: tuple[str, ...], keep: str, value: str) -> Pattern:
    """Return the pattern of a `value` that follows `keep` and is not replaced yet."""
    return Pattern(kind, hints, rf"(?P<keep>{keep})(?!{STAND_IN}){value}", folded=True)


def _is_login(text: str) -> bool:
    """Tell whether `text` is `user:password` in Base64, as RFC 7617 has it."""
    try:
        return b":" in b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Error, ValueError):
        return False


# A value long enough for a credential, that is no address, date, ARN or reference.
_LONG = rf"(?!https?://|\d{{4}}-\d\d-|{NO_SECRET}(?!{_BARE}))(?={_BARE}{{16}})(?=[^{DELIMITERS}\d]{{0,64}}\d)"

# Issuers invent schemes, such as GenieKey, Splunk and SSWS; these words begin what a log says about the header.
_NO_SCHEME = (
    r"(?:denied|failed|refused|rejected|invalid|expired|missing|request|header|error|at|by|for|from|in|is|of|on|to|was"
    r"|with|user|role|id|trace|check|see)\s"
)
_SCHEME = rf"(?!aws4-hmac|{_NO_SCHEME})[a-z][\w-]{{0,30}}\s{{1,4}}{_LONG}"

HEADERS = (
    _after(
        "authorization",
        ("authorization",),
        rf"authorization{SEPARATOR}(?:\[\s{{0,4}})?+(?:{QUOTE})?+"
        rf"(?:(?:basic|bearer|digest|negotiate|token|apikey|ntlm)\s{{1,4}}|{_SCHEME}|(?!aws4-hmac){_LONG})",
        rf"[^{DELIMITERS}\\]{{1,{LINE_LIMIT}}}",
    ),
    _after(
        "bearer-token",
        ("bearer",),
        r"\bbearer\s{1,4}",
        rf"(?=[A-Za-z._~+/-]{{0,64}}\d)[A-Za-z0-9._~+/-]{{16,{LINE_LIMIT}}}={{0,2}}",
    ),
    Pattern(
        "basic-login",
        ("basic ", '"auth', "'auth"),
        rf"(?P<keep>\bbasic\s{{1,4}}|[\"']auth{QUOTE}\s{{0,4}}:\s{{0,4}}{QUOTE})"
        rf"[A-Za-z0-9+/]{{8,{LINE_LIMIT}}}={{0,2}}",
        _is_login,
        folded=True,
    ),
    _after(
        "cookie",
        ("cookie",),
        rf"cookie{SEPARATOR}(?:{QUOTE})?+(?=[^\s=;]{{1,128}}=)",
        rf"[^\s\"'\\](?:[^\"'\\]){{0,{LINE_LIMIT}}}",
    ),
)

URLS = (
    Pattern(
        "url-password",
        ("://",),
        rf"(?P<keep>://[^\s/:@\"'<]{{0,256}}:)(?!{PLACEHOLDER}@)[^\s/\"']{{1,256}}(?=@)",
    ),
    Pattern(
        "url-password",
        ("://",),
        r"(?P<keep>://)(?=[A-Za-z_.~%-]{0,256}\d)[A-Za-z0-9_.~%-]{20,256}(?=@)",
    ),
    _after(
        "url-password",
        ("jdbc:oracle:",),
        r"jdbc:oracle:[a-z0-9]{1,16}:[^\s/@:\"']{1,128}/",
        r"[^\s/\"'@]{1,256}(?=@)",
    ),
    _after(
        "signature",
        ("signature", "sig=", "sig%3d"),
        r"(?:signature|(?<![a-z])sig)(?:=|%3d)",
        rf"(?=[^\s&;\"',]{{16}})[A-Za-z0-9%+/=_~.-]{{16,{LINE_LIMIT}}}",
    ),
)

COMMANDS = (
    _given(
        ("--",),
        r"--(?:[a-z0-9]{1,20}-){0,4}(?:pass(?:word|wd|phrase)?|pwd|token|secret|(?:api|access|secret|auth|private)-key)"
        r"\s{1,4}",
        unless=rf"-|{NO_SECRET}(?!{_BARE})",
    ),
    Pattern(
        "password",
        ("curl", "wget"),
        r"(?P<keep>\b(?:curl|wget)\s[^|;]{0,256}?(?:-u|--user|--proxy-user)\s{0,4}"
        rf"(?P<quote>{QUOTE})?+[^\s:\"']{{1,64}}:)(?(quote){_quoted()}|(?!{STAND_IN})[^\s\"'\\]{{1,{LINE_LIMIT}}})",
        folded=True,
    ),
    _given(
        ("mysql", "mariadb", "sshpass"),
        r"(?:\b(?:mysql|mariadb)[a-z-]{0,16}\s(?:[^|;\n]{0,256}?\s)?-p|\bsshpass\s{1,4}-p\s{0,4})",
    ),
    Pattern(
        "password",
        ("password", "identified"),
        rf"(?P<keep>(?:identified\s{{1,4}}by|password(?:\s{{1,4}}(?:is|was))?)\s{{1,4}}(?P<quote>{QUOTE})){_quoted()}",
        folded=True,
    ),
    _after(
        "password",
        ("</",),
        r"<(?:[\w.-]{1,40}:)?[\w.-]{0,40}?(?:password|passwd|pwd|secret|token|api[_-]?key|(?:access|private)key)[\w.-]{0,16}>",
        rf"[^<]{{1,{LINE_LIMIT}}}(?=</)",
    ),
)

NAMED = (
    Named("password", ("pass", "pwd"), _PASSWORDS, 1),
    Named("credential", ("secret", "credential", "key"), _KEYS, 6),
    Named("token", ("token",), "token", 12, rf"(?:{NO_SECRET}|\d{{1,24}})"),
    Named(
        "integration-key",
        ("routing", "integration", "service"),
        r"(?:routing|integration|service)[_ -]?key",
        32,
        form=r"(?=[a-z]{0,31}\d)(?=[a-z0-9]{32}(?![a-z0-9]))",
    ),
)
NAMES = tuple(map(_assigned, NAMED))

EMAIL = Pattern(
    "email",
    ("@",),
    r"(?<![A-Za-z0-9._%+-])(?<!://)(?!git@)[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24}(?![A-Za-z0-9])",
)
