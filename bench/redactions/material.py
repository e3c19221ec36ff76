"""Random material of the forms that secrets have. Nothing here is or was anybody's."""

import base64
import json
import string
from random import Random

LETTERS_AND_DIGITS = string.ascii_letters + string.digits
HEXADECIMAL = string.digits + "abcdef"
SIGNS = "!#$%*+-.?^_~"
WORDS = (
    "amber",
    "basalt",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "glade",
    "harbor",
    "indigo",
    "juniper",
    "krill",
    "lumen",
)


def letters(random: Random, count: int, alphabet: str = LETTERS_AND_DIGITS) -> str:
    """Return `count` characters of an alphabet."""
    return "".join(random.choices(alphabet, k=count))


def upper(random: Random, count: int) -> str:
    """Return capital letters and digits."""
    return letters(random, count, string.ascii_uppercase + string.digits)


def hexadecimal(random: Random, count: int) -> str:
    """Return digits of base 16."""
    return letters(random, count, HEXADECIMAL)


def encoded(random: Random, size: int) -> str:
    """Return `size` random bytes in Base64."""
    return base64.b64encode(random.randbytes(size)).decode()


def url_safe(random: Random, size: int) -> str:
    """Return `size` random bytes in Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(random.randbytes(size)).decode().rstrip("=")


def password(random: Random) -> str:
    """Return what people and generators choose: words with digits, or 10 to 24 characters with signs."""
    if random.random() < 0.4:  # noqa: PLR2004 - the share of passwords that people think of
        return f"{random.choice(WORDS)}-{random.choice(WORDS)}{random.randrange(10, 9999)}"
    body = letters(random, random.randrange(8, 22), LETTERS_AND_DIGITS + SIGNS)
    return f"{letters(random, 1)}{body}{random.randrange(10)}"


def web_token(random: Random) -> str:
    """Return a signed JSON web token (RFC 7519) of a random subject."""
    header = {"alg": "RS256", "typ": "JWT", "kid": hexadecimal(random, 8)}
    claims = {"sub": letters(random, 12), "iat": random.randrange(10**9), "aud": random.choice(WORDS)}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return ".".join((*parts, url_safe(random, 128)))


def key_block(random: Random) -> str:
    """Return a private key as PEM (RFC 7468), with random bytes for a key."""
    kind = random.choice(("RSA ", "EC ", "OPENSSH ", ""))
    body = encoded(random, 300)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    dashes = "-" * 5
    return "\n".join((f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}", *lines, f"{dashes}END {kind}PRIVATE KEY{dashes}"))


def card(random: Random) -> str:
    """Return a payment card number of a random issuer, with its check digit."""
    body = f"{random.choice(('4', '51', '2221', '6011'))}{letters(random, 16, string.digits)}"[:15]
    doubled = [sum(divmod(int(each) * 2, 10)) if at % 2 == 0 else int(each) for at, each in enumerate(body)]
    number = f"{body}{-sum(doubled) % 10}"
    gap = random.choice(("", " ", "-"))
    return gap.join(number[start : start + 4] for start in range(0, 16, 4))
