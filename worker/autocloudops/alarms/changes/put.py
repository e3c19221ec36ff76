"""`autocloudops.change`: a change that any CI says, in an event of its own.

The detail is `{"service": …, "what": …, "by": …, "version": …, "url": …}`; only the first two must be there.
`service` is an owner as `audit show` writes it (`ACCOUNT/REGION/KIND/ID`), or `KIND/ID` in the event's account and
region, or a bare name, which every owner of that name finds.
"""

import re
from collections.abc import Mapping

from autocloudops.alarms.changes.model import NAMED, Told
from autocloudops.alarms.changes.words import joined, said
from autocloudops.alarms.model import AwsEvent
from autocloudops.redaction import clean
from autocloudops.values import Value

SOURCE = "autocloudops.change"
DETAIL_TYPE = "Change"
URL_CHARACTERS = 200
_OWNER = re.compile(r"(?P<account>\d{12})/(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d{1,2})/(?P<key>[^/\s]+/.+)", re.ASCII)
_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?(?:/[A-Za-z0-9_.~/%#=&?+-]*)?")


class SaidChange(Value):
    """What CI says: which service changed, in what way, by whom, to which version, and where to read more."""

    service: str
    what: str
    by: str = ""
    version: str = ""
    url: str = ""

    @property
    def detail(self) -> Mapping[str, str]:
        """The event's detail, without what was not said."""
        return self.model_dump(exclude_defaults=True)


def read_put(event: AwsEvent) -> Told | None:
    """Return the change that CI put, None where it does not say which service, or what."""
    detail = event.detail
    service, what, version = said(detail, "service").strip(), said(detail, "what"), said(detail, "version")
    if not service or not (what or version):
        return None
    owner = _OWNER.fullmatch(service)
    key = owner["key"] if owner else service if "/" in service else f"{NAMED}{service}"
    return Told(
        keys=(key,),
        kind=SOURCE,
        what=joined(what, f"version {version}" if version else ""),
        by=said(detail, "by"),
        account=owner["account"] if owner else "",
        region=owner["region"] if owner else "",
        url=_address(said(detail, "url")),
    )


def _address(url: str) -> str | None:
    return clean(url, URL_CHARACTERS) if len(url) <= URL_CHARACTERS and _URL.fullmatch(url) else None
