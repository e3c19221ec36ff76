"""The policy that counts: what the operator wrote, no higher than the settings let it be."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from autocloudops import aws
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import wiring
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import ActionSettings, SafetySettings

VARIABLE = "AUTOCLOUDOPS_SAFETY_POLICY"
GET = "s3:GetObject"


async def policy_of(settings: SafetySettings) -> Policy:
    """Return the policy that the settings name: of its mode and theirs the lower one, of the confidences the higher.

    Raises:
        SettingsInvalid: there is no such policy, or it is wrong; the message says where. Or the settings let something
            be done, and no policy names what.
        ServiceFailed: it cannot be read from S3.
    """
    policy = await _written(settings.policy) if settings.policy else _unwritten(settings.mode)
    return policy.model_copy(
        update={
            "mode": min(policy.mode, settings.mode),
            "min_confidence": max(policy.min_confidence, settings.min_confidence),
        }
    )


def refuse_without_followups(settings: ActionSettings, policy: Policy) -> None:
    """Refuse to promise an action that nobody would look after.

    Raises:
        SettingsInvalid: the policy lets something be done, and there is no queue of follow-ups.
    """
    if policy.mode >= Mode.APPROVE and not settings.followups_url:
        raise SettingsInvalid(
            f"AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL: mode {policy.mode} needs a queue of follow-ups",
            "set it to the queue's URL, or lower AUTOCLOUDOPS_SAFETY_MODE",
        )


def refuse_without_approvers(policy: Policy) -> None:
    """Refuse to ask for approvals that nobody may give: every gate may cap an action at one, in mode active too.

    Raises:
        SettingsInvalid: the policy lets something be done, and names nobody who approves.
    """
    if policy.mode >= Mode.APPROVE and not policy.approval.approvers:
        raise SettingsInvalid(
            f"approval.approvers of the policy: mode {policy.mode} needs somebody who may approve",
            "name IAM users or roles there by their ARNs, or lower AUTOCLOUDOPS_SAFETY_MODE",
        )


def _unwritten(mode: Mode) -> Policy:
    """Return the policy of nobody: it names no account, region or action, so it may limit nothing but a dry run."""
    if mode > Mode.DRY_RUN:
        raise SettingsInvalid(
            f"{VARIABLE}: mode {mode} needs a policy that names accounts, regions and actions",
            "name a policy file, or lower AUTOCLOUDOPS_SAFETY_MODE",
        )
    return Policy(mode=mode)


async def _written(location: str) -> Policy:
    from autocloudops.decisions.policy_file import parse_policy  # noqa: PLC0415 - YAML is not imported without a file

    content = await _in_bucket(location) if location.startswith("s3://") else _in_file(location)
    return parse_policy(location, content)


def _in_file(location: str) -> bytes:
    try:
        return Path(location).read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"{VARIABLE}: {location}: {error.strerror}", "name a file that can be read") from error


async def _in_bucket(location: str) -> bytes:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    async with AsyncExitStack() as stack:
        calls = aws.config(read_timeout_seconds=wiring.CALL_SECONDS, attempts=wiring.CALL_ATTEMPTS)
        s3: Any = await wiring.open_client(stack, "s3", calls)
        with aws.translated(GET, location):
            answer = await s3.get_object(Bucket=bucket, Key=key)
            async with answer["Body"] as body:
                return bytes(await body.read())
