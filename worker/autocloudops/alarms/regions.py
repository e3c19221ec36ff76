"""Region codes from what a message says: a code, or one of the display names that CloudWatch has used since 2009.

Names are those of the AWS endpoint metadata, plus the older ones: `US - N. Virginia`, `EU - Ireland`, `APAC - Tokyo`,
`EU (Ireland)`, `Asia Pacific (Osaka-Local)`. Case, blanks, punctuation and accents do not count.
"""

import re
import unicodedata
from functools import lru_cache

_CODE = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-\d{1,2}")
_LONGEST_NAME = 64

_NAMES = {
    "af-south-1": ("Africa", "Cape Town"),
    "ap-east-1": ("Asia Pacific", "Hong Kong"),
    "ap-east-2": ("Asia Pacific", "Taipei"),
    "ap-northeast-1": ("Asia Pacific", "Tokyo"),
    "ap-northeast-2": ("Asia Pacific", "Seoul"),
    "ap-northeast-3": ("Asia Pacific", "Osaka", "Osaka-Local"),
    "ap-south-1": ("Asia Pacific", "Mumbai"),
    "ap-south-2": ("Asia Pacific", "Hyderabad"),
    "ap-southeast-1": ("Asia Pacific", "Singapore"),
    "ap-southeast-2": ("Asia Pacific", "Sydney"),
    "ap-southeast-3": ("Asia Pacific", "Jakarta"),
    "ap-southeast-4": ("Asia Pacific", "Melbourne"),
    "ap-southeast-5": ("Asia Pacific", "Malaysia"),
    "ap-southeast-6": ("Asia Pacific", "New Zealand"),
    "ap-southeast-7": ("Asia Pacific", "Thailand"),
    "ca-central-1": ("Canada", "Central", "Montreal"),
    "ca-west-1": ("Canada West", "Calgary"),
    "cn-north-1": ("China", "Beijing"),
    "cn-northwest-1": ("China", "Ningxia"),
    "eu-central-1": ("Europe", "Frankfurt"),
    "eu-central-2": ("Europe", "Zurich"),
    "eu-isoe-west-1": ("EU ISOE", "West"),
    "eu-north-1": ("Europe", "Stockholm"),
    "eu-south-1": ("Europe", "Milan"),
    "eu-south-2": ("Europe", "Spain"),
    "eu-west-1": ("Europe", "Ireland"),
    "eu-west-2": ("Europe", "London"),
    "eu-west-3": ("Europe", "Paris"),
    "eusc-de-east-1": ("AWS European Sovereign Cloud", "Germany"),
    "il-central-1": ("Israel", "Tel Aviv"),
    "me-central-1": ("Middle East", "UAE"),
    "me-south-1": ("Middle East", "Bahrain"),
    "mx-central-1": ("Mexico", "Central", "Queretaro"),
    "sa-east-1": ("South America", "Sao Paulo"),
    "us-east-1": ("US East", "N. Virginia", "Northern Virginia"),
    "us-east-2": ("US East", "Ohio"),
    "us-gov-east-1": ("AWS GovCloud", "US-East"),
    "us-gov-west-1": ("AWS GovCloud", "US-West", "US"),
    "us-iso-east-1": ("US ISO", "East"),
    "us-iso-west-1": ("US ISO", "West"),
    "us-isob-east-1": ("US ISOB East", "Ohio"),
    "us-isob-west-1": ("US ISOB", "West"),
    "us-isof-east-1": ("US ISOF", "East"),
    "us-isof-south-1": ("US ISOF", "South"),
    "us-west-1": ("US West", "N. California", "Northern California"),
    "us-west-2": ("US West", "Oregon"),
}
_OTHER_AREAS = {
    "Asia Pacific": ("APAC",),
    "AWS GovCloud": ("GovCloud",),
    "AWS European Sovereign Cloud": ("European Sovereign Cloud", "EU Sovereign Cloud"),
    "Europe": ("EU",),
    "US East": ("US",),
    "US West": ("US",),
}


def _letters(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())


def _by_name() -> dict[str, str]:
    table: dict[str, str] = {}
    for code, (area, *places) in _NAMES.items():
        for said in (area, *_OTHER_AREAS.get(area, ())):
            table.update({_letters(said + place): code for place in places})
    return table


_BY_NAME = _by_name()


def is_region_code(text: str) -> bool:
    """Tell whether `text` has the form of a region code, in any partition and however new."""
    return _CODE.fullmatch(text) is not None


@lru_cache(maxsize=256)
def _mapped(said: str) -> str | None:
    code = said.strip().lower()
    return code if is_region_code(code) else _BY_NAME.get(_letters(said))


def region_code(said: str) -> str | None:
    """Return the code of the region that `said` names, by code or by display name; `None` where it names none."""
    return _mapped(said) if len(said) <= _LONGEST_NAME else None
