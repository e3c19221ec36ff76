"""Lambda functions and Step Functions state machines."""

from autocloudops.knowledge.configurations.reading import Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import named, since, term

_FUNCTION = "lambda:GetFunctionConfiguration"
_CONCURRENCY = "lambda:GetFunctionConcurrency"
_STATE_MACHINE = "states:DescribeStateMachine"
MILLISECONDS = 1000


async def _function(reading: Reading) -> Described:
    """Read a function. Its environment is in the answer, and never leaves `Reading.ask`."""
    name = reading.resource.id.partition(":")[0]
    found = await reading.ask(_FUNCTION, FunctionName=reading.resource.id)
    concurrency = await reading.also(_CONCURRENCY, FunctionName=name)
    reserved = concurrency.get("ReservedConcurrentExecutions")
    limits = {"Duration": Limit("timeout", found.get("Timeout", 0) * MILLISECONDS, "in ms")}
    if reserved is not None:
        limits["ConcurrentExecutions"] = Limit("reserved concurrency", reserved)
    return Described(
        lines=(
            f"memory: {found.get('MemorySize')} MB; timeout: {found.get('Timeout')} s",
            _reserved(reserved) if not reading.unread else "",
            (
                f"runtime: {term(found.get('Runtime') or found.get('PackageType'))}, "
                f"state {term(found.get('State'))}, last update {term(found.get('LastUpdateStatus'))}"
            ),
            f"last modified: {since(found.get('LastModified'))}, version {term(found.get('Version'))}",
            f"in a VPC: {'yes' if found.get('VpcConfig', {}).get('SubnetIds') else 'no'}",
        ),
        limits=limits,
        unread=tuple(reading.unread),
    )


def _reserved(count: int | None) -> str:
    if count is None:
        return "reserved concurrency: none, it shares the account's"
    return "reserved concurrency: 0, so that every call is throttled" if count == 0 else ""


async def _state_machine(reading: Reading) -> Described:
    """Read a state machine without its definition, which never leaves `Reading.ask`."""
    arn = reading.resource.arn or reading.resource.id
    found = await reading.ask(_STATE_MACHINE, stateMachineArn=arn)
    level = found.get("loggingConfiguration", {}).get("level")
    return Described(
        lines=(
            f"state machine: {term(found.get('type'))}, {term(found.get('status'))}",
            f"made: {since(found.get('creationDate'))}",
            f"revision: {named(found['revisionId'])}" if found.get("revisionId") else "",
            f"execution log: {term(level)}" if level else "",
        )
    )


DESCRIBERS = (
    Describer(("lambda:alias", "lambda:function", "lambda:version"), (_FUNCTION, _CONCURRENCY), _function),
    Describer(("states:state-machine",), (_STATE_MACHINE,), _state_machine),
)
