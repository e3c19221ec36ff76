"""Payment card numbers: what an issuer's range begins with, in its length, with a check digit that is right.

Ranges: ISO/IEC 7812 and the issuers' own. Check digit: the formula of Luhn, ISO/IEC 7812-1 annex B.
"""

from autocloudops.redaction.pattern import Pattern

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def has_check_digit(text: str) -> bool:
    """Tell whether the digits in `text` end in the check digit that Luhn's formula gives them."""
    digits = [int(each) for each in text if each.isdigit()][::-1]
    return (sum(digits[0::2]) + sum(_DOUBLED[each] for each in digits[1::2])) % 10 == 0


# The first digit is what is searched for; what stands before it is looked at afterwards, which is quicker.
CARD = Pattern(
    "card",
    (),
    r"(?a)[2-6](?<![\w.+/-].)(?:"
    r"(?:(?<=4)\d{3}|(?<=5)[1-5]\d{2}|(?<=2)[2-7]\d{2}|(?<=6)(?:011|5\d{2}|4[4-9]\d)|(?<=3)5\d{2})"
    r"(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
    r"|(?<=3)[47]\d{2}(?P<wide>[ -]?)\d{6}(?P=wide)\d{5}"
    r"|(?<=3)(?:0[0-5]|[68]\d)\d(?P<slim>[ -])\d{6}(?P=slim)\d{4}"
    r")(?![\w/-]|\.\d)",
    has_check_digit,
)
