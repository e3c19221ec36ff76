"""Secrets that stand apart from their names in a text: pairs of a name and a value, and blocks of YAML.

Pairs are how AWS and others write an environment variable, a tag or a parameter, in JSON, YAML or on a command line.
Block scalars: YAML 1.2.2 section 8.1.
"""

from autocloudops.redaction.named import NAMED, SEPARATOR, Named, value_of
from autocloudops.redaction.pattern import LINE_LIMIT, QUOTE, Pattern

# What stands between two members: blanks, commas, and line breaks as they are or as JSON writes them.
_GAP = r"(?>(?:[\s,;]|\\{1,3}[nrt]){1,80})"

# Members between the name and its value, as the type of a parameter.
_OTHERS = rf"(?:(?>(?:{QUOTE})?[a-z]\w{{0,30}}{SEPARATOR}(?:{QUOTE})?[\w./:-]{{0,128}}(?:{QUOTE})?{_GAP})){{0,3}}?"

# How a scalar begins whose text is on the following lines, and their indent.
_BLOCK = r"[|>][0-9+-]{0,2}[ \t]{0,4}\r?\n[ \t]{1,64}"

# Words that few texts have beside blocks, so that few are searched for one.
_BLOCK_ENDS = tuple(f"{sign}{end}" for end in ("\n", "\r\n") for sign in "|>-+")


def _pair(named: Named) -> Pattern:
    """Return the pattern for `"name": "DB_PASSWORD", "value": "…"` and its kin."""
    name = rf"(?<![a-z0-9])(?:parameter)?(?:name|key){SEPARATOR}(?:{QUOTE})?[\w./-]{{0,100}}?{named.expression}"
    value = rf"(?:{QUOTE})?(?:parameter)?value{SEPARATOR}(?:{_BLOCK})?+"
    keep = rf"(?P<keep>{name}(?:{QUOTE})?{_GAP}{_OTHERS}{value}(?P<list>\[\s{{0,4}})?+(?P<quote>{QUOTE})?+)"
    return Pattern(named.kind, ("value",), rf"(?m){keep}{value_of(named)}", folded=True, spanning=True)


def _block(named: Named) -> Pattern:
    """Return the pattern for `password: |` with the secret in the lines that follow, as deep as the first of them."""
    keep = rf"(?P<keep>{named.expression}(?:{QUOTE})?[ \t]{{0,4}}:[ \t]{{1,4}}[|>](?:\d?[+-])?\r?"
    lines = rf"(?P<indent>\n[ \t]{{1,64}}+)){named.form}(?!{named.never}[ \t]{{0,4}}\r?$)"
    value = rf"[^\n]{{{named.least},{LINE_LIMIT}}}(?:(?P=indent)[^\n]{{1,{LINE_LIMIT}}}){{0,256}}(?<!\r)"
    return Pattern(named.kind, _BLOCK_ENDS, f"(?m){keep}{lines}{value}", folded=True, spanning=True)


PAIRED = (*map(_pair, NAMED), *map(_block, NAMED))
