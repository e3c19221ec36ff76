"""The Lambda function that keeps the audit honest, under a role that no worker has.

    {"autocloudops": "digest"}    from a schedule, every hour: signs for the hours that are over
    {"autocloudops": "verify"}    from a schedule, every day: compares the last days with what was signed for

What is wrong with the audit is logged and measured, and is no failure of the function: a call that is repeated finds
the same.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from logging import getLogger

from autocloudops.audit.findings import Report
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.proving import Keys, check, last_days, sign
from autocloudops.environment import read
from autocloudops.errors import InputUnreadable, SettingsInvalid
from autocloudops.settings import AuditSettings, LogSettings
from autocloudops.telemetry import configure_logging

log = getLogger(__name__)

DIGEST = {"autocloudops": "digest"}
VERIFY = {"autocloudops": "verify"}
VERIFIED_DAYS = 2


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Sign digests and return for which hours, or verify and return what was found.

    Raises:
        InputUnreadable: the event asks for neither.
        SettingsInvalid: a setting is missing, or the digests that are there were signed by another key.
        ServiceFailed: the bucket, the state table or the key does not answer.
    """
    del context  # nothing here depends on how much time is left
    configure_logging(read(LogSettings).level)
    if event == DIGEST:
        return asyncio.run(_signed())
    if event == VERIFY:
        return asyncio.run(_verified())
    raise InputUnreadable(
        f"an event with {', '.join(sorted(event)) or 'nothing'} in it asks for nothing that this function does",
        f"let schedules call it with {DIGEST} and {VERIFY}",
    )


async def _signed() -> dict[str, object]:
    settings = _settings()
    async with AsyncExitStack() as stack:
        objects = await wiring.open_audit(stack, settings.location, settings.kms_key)
        made = await sign(objects, Keys(key=settings.digest_key, former=settings.former_keys))
    return {"hours": [each.digest.hour.isoformat() for each in made]}


async def _verified() -> dict[str, object]:
    settings = _settings()
    async with AsyncExitStack() as stack:
        objects = await wiring.open_audit(stack, settings.location)
        report = await check(objects, [settings.digest_key, *settings.former_keys], last_days(VERIFIED_DAYS))
    _say(report)
    return {"digests": report.digests, "records": report.records, "findings": len(report.findings)}


def _settings() -> AuditSettings:
    settings = read(AuditSettings)
    if not settings.digest_key:
        raise SettingsInvalid(
            "AUTOCLOUDOPS_AUDIT_DIGEST_KEY: nothing says what signs digests", "set it to kms:// and the key's alias"
        )
    return settings


def _say(report: Report) -> None:
    for finding in report.findings:
        log.error("%s %s: %s", finding.kind, finding.key, finding.detail)
