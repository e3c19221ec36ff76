"""`endpoint status`, `leases` and `release`: what is there, and who uses it."""

import asyncio
from contextlib import AsyncExitStack

from autocloudops import aws
from autocloudops.cli.endpoint import opening
from autocloudops.cli.output import Output, Row, note, print_json, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.errors import TargetMissing
from nim_endpoint.found import NOT_LOOKED_UP, Found, Status
from nim_endpoint.leases import checked

DESCRIBE = "sagemaker:DescribeEndpoint"
COLUMNS = ("what", "name", "status", "said")


def show_status(name: str, region: str | None, output: Output) -> ExitCode:
    """Print what is there under a name.

    Returns:
        CHECK_FAILED where it is not in service.

    Raises:
        ServiceFailed: SageMaker does not say.
    """
    found = asyncio.run(_found(name, region))
    if output is Output.JSON:
        print_json({"endpoint": name, **found.model_dump(mode="json", exclude=NOT_LOOKED_UP)})
    else:
        print_rows(output, _rows(name, found), COLUMNS)
    return ExitCode.OK if found.status is Status.IN_SERVICE else ExitCode.CHECK_FAILED


def list_leases(name: str, region: str | None, output: Output) -> None:
    """Print who uses an endpoint.

    Raises:
        TargetMissing: there is no such endpoint.
        ServiceFailed: SageMaker does not say.
    """
    found = asyncio.run(_found(name, region))
    _check_there(name, found)
    rows = [{"consumer": each, "since": since} for each, since in found.leases.items()]
    print_rows(output, rows, ("since", "consumer"))


def release_lease(name: str, consumer: str, region: str | None, output: Output) -> ExitCode:
    """Give a lease back.

    Returns:
        CHECK_FAILED where there was none.

    Raises:
        TargetMissing: there is no such endpoint.
        ServiceFailed: SageMaker refused.
    """
    found = asyncio.run(_released(name, checked(consumer), region))
    is_released, left = consumer in found.leases, found.others(consumer)
    if output is Output.JSON:
        print_json({"endpoint": name, "consumer": consumer, "released": is_released, "left": left})
    else:
        done = "has released" if is_released else "holds no lease on"
        note(f"{consumer} {done} {name}, which is still used by {', '.join(left) or 'nobody'}")
    return ExitCode.OK if is_released else ExitCode.CHECK_FAILED


async def _found(name: str, region: str | None) -> Found:
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, region)
        with aws.translated(DESCRIBE, name):
            return await account.reader.endpoint(name)


async def _released(name: str, consumer: str, region: str | None) -> Found:
    """Release a lease, and return what was there before."""
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, region)
        with aws.translated(DESCRIBE, name):
            found = await account.reader.endpoint(name)
        _check_there(name, found)
        if consumer in found.leases:
            with aws.translated("sagemaker:DeleteTags", name):
                await account.leases.release(found.arn, consumer)
    return found


def _check_there(name: str, found: Found) -> None:
    if found.status is None:
        raise TargetMissing(DESCRIBE, name, "there is no such endpoint", "check its name, account and region")


def _rows(name: str, found: Found) -> list[Row]:
    made = "made here" if found.owned else "not made here"
    scaled = "scaled automatically, " if found.targets else ""
    size = f"{found.instances} x {found.instance_type}, {scaled}{found.config_name}, {made}"
    rows: list[Row] = [
        {
            "what": "endpoint",
            "name": name,
            "status": found.status or "not there",
            "said": found.reason or (size if found.status else ""),
        }
    ]
    for each in found.components:
        said = each.reason or f"{each.copies} copies of {each.model_name}"
        rows.append({"what": "component", "name": each.name, "status": each.status, "said": said})
    rows += [{"what": "lease", "name": each, "status": "", "said": since} for each, since in found.leases.items()]
    return rows
