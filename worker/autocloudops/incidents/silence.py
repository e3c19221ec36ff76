"""A person's word that an owner's alarms are known about for a while."""

from datetime import datetime, timedelta

from pydantic import Field, model_validator

from autocloudops.values import Value

LONGEST = timedelta(hours=24)


class Silence(Value):
    """Alarms of one owner that are recorded and grouped, but neither asked nor told about until `until`.

    `owner_key` is an owner as incidents name it: account, region and owner.
    """

    owner_key: str = Field(min_length=1, max_length=512)
    since: datetime
    until: datetime
    reason: str = Field(min_length=1, max_length=200)
    by: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _bounded(self) -> "Silence":
        if not timedelta() < self.until - self.since <= LONGEST:
            raise ValueError(f"a silence ends after it begins, within {LONGEST}")
        return self
