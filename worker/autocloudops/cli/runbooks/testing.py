"""`runbooks test`: what is wrong with the documents here, and whether AWS has the same ones."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import typer
import yaml

from autocloudops import aws
from autocloudops.cli.output import Output, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.cli.runbooks.checking import Problem, problems
from autocloudops.cli.runbooks.documents import PREFIX, folder, texts
from autocloudops.entrypoints import wiring
from autocloudops.errors import TargetMissing

COLUMNS = ("runbook", "where", "problem")
CALL_SECONDS = 10
CALL_ATTEMPTS = 3


def check_runbooks(name: str | None, place: Path | None, output: Output, *, live: bool) -> ExitCode:
    """Print what is wrong with the runbooks: nothing where all is well.

    Args:
        name: one of them, by its document's name or its action's runbook; None is all.
        place: the folder of the documents; None is that of this version.
        output: how to print it.
        live: also compare with the documents in the account and region of the session.

    Raises:
        typer.BadParameter: there is no such runbook.
        InputUnreadable: the folder holds no runbook.
        ServiceFailed: SSM does not answer.
    """
    known = texts(place or folder())
    chosen = _chosen(known, name)
    found = [problem for problem in problems(known) if name is None or problem.document in chosen]
    if live:
        found += asyncio.run(_differing(chosen))
    rows = [{"runbook": each.document, "where": each.where, "problem": each.what} for each in found]
    print_rows(output, rows, COLUMNS)
    where = " and AWS has them so" if live else ""
    note(f"{len(chosen)} runbooks: {len(found)} problems" if found else f"{len(chosen)} runbooks are right{where}")
    return ExitCode.CHECK_FAILED if found else ExitCode.OK


def _chosen(known: Mapping[str, str], name: str | None) -> Mapping[str, str]:
    if name is None:
        return known
    wanted = name if name.startswith(PREFIX) else f"{PREFIX}{''.join(part.capitalize() for part in name.split('_'))}"
    if wanted not in known:
        raise typer.BadParameter(f"'{name}' is no runbook: {', '.join(known)}")
    return {wanted: known[wanted]}


async def _differing(known: Mapping[str, str]) -> list[Problem]:
    """Return which documents AWS lacks, or has with another content or not ready."""
    async with AsyncExitStack() as stack:
        calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
        client: Any = await wiring.open_client(stack, "ssm", calls)
        return [Problem(name, "", wrong) for name, text in known.items() if (wrong := await _wrong(client, name, text))]


async def _wrong(client: Any, name: str, text: str) -> str:  # noqa: ANN401 - there are no stubs of this client
    try:
        with aws.translated("ssm:DescribeDocument", name):
            described = (await client.describe_document(Name=name))["Document"]
    except TargetMissing:
        return "AWS has no such document here: deploy infrastructure/cloudformation/runbooks.yaml"
    if described.get("Status") != "Active":
        return f"AWS has it, and it is {described.get('Status')}"
    with aws.translated("ssm:GetDocument", name):
        content = str((await client.get_document(Name=name))["Content"])
    same = _digest(content) == _digest(text)
    return "" if same else "AWS has another content under this name: deploy it again, or use the version of it"


def _digest(text: str) -> str:
    """Return the digest of what a document says, written as YAML or as JSON."""
    said = json.dumps(_as_text(yaml.load(text, Loader=yaml.CSafeLoader)), sort_keys=True)
    return sha256(said.encode()).hexdigest()


def _as_text(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a value with text in place of numbers and booleans, which CloudFormation may hand on as text."""
    if isinstance(value, Mapping):
        return {key: _as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
