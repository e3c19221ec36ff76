"""`runbooks list` and `runbooks show`: what may be run, step by step, and how it is taken back."""

from collections.abc import Iterator

import typer

from autocloudops.catalogue import ACTIONS, Action
from autocloudops.cli.output import Output, Row, print_json, print_lines, print_rows
from autocloudops.cli.runbooks.documents import Document, Parameter, Step, document_of, folder, texts
from autocloudops.cli.runbooks.roles import Statement, statements_of

COLUMNS = ("action", "runbook", "risk", "class", "reversible", "chosen by", "target")


def list_runbooks(output: Output) -> None:
    """Print every action that runs something."""
    rows = [_row(action) for action in ACTIONS.values() if action.executes]
    print_rows(output, rows, COLUMNS)


def show_runbook(name: str, output: Output) -> None:
    """Print one runbook: what it does, its parameters and steps, its role, and how it is undone.

    Args:
        name: the action, or its runbook's name.
        output: `json` prints the document as it is, with what the catalogue knows of it.

    Raises:
        typer.BadParameter: there is no such action or runbook.
    """
    action = _named(name)
    document = document_of(action.runbook, texts(folder())[action.runbook])
    if output is Output.JSON:
        role = [statement.model_dump(mode="json") for statement in statements_of(action.runbook)]
        content = document.model_dump(mode="json", by_alias=True, exclude_none=True)
        print_json({**_row(action), "undo": action.undo, "role": role, "document": content})
        return
    print_lines(output, list(_lines(action, document)))


def _named(name: str) -> Action:
    for action in ACTIONS.values():
        if action.executes and name in {action.name, action.runbook}:
            return action
    known = ", ".join(action.name for action in ACTIONS.values() if action.executes)
    raise typer.BadParameter(f"'{name}' is no action that runs anything: {known}")


def _row(action: Action) -> Row:
    return {
        "action": action.name,
        "runbook": action.runbook,
        "risk": action.risk.value,
        "class": action.effect.value,
        "reversible": "yes" if action.rollback else "no",
        "chosen by": "model" if action.offered else "people",
        "target": ", ".join(action.targets) or "any",
    }


def _lines(action: Action, document: Document) -> Iterator[str]:
    yield f"{action.runbook}: {action.title} ({action.risk} risk, {action.effect})"
    yield " ".join(document.description.split())
    yield f"undo: {action.undo}"
    yield f"target: {', '.join(action.targets) or 'any'}"
    yield "parameters:"
    yield from (_parameter_line(name, parameter) for name, parameter in document.parameters.items())
    yield "steps:"
    yield from (line for step in document.main_steps for line in _step_lines(step))
    yield f"role {action.runbook}:"
    yield from (_statement_line(statement) for statement in statements_of(action.runbook))


def _parameter_line(name: str, parameter: Parameter) -> str:
    takes = parameter.allowed_pattern or ", ".join(parameter.allowed_values or ()) or "any"
    return f"  {name} ({parameter.type}): {parameter.description} takes {takes}"


def _step_lines(step: Step) -> Iterator[str]:
    goes_on = ", ".join(step.followers) or "end"
    waits = f", at most {step.timeout_seconds} s" if step.timeout_seconds else ""
    fails = f"; on failure {step.on_failure}" if step.on_failure else ""
    yield f"  {step.name}: {step.action}{waits} -> {goes_on}{fails}"
    yield from (f"      {key}: {value}" for key, value in step.inputs.items())


def _statement_line(statement: Statement) -> str:
    only = " with the tag autocloudops:allow = true" if statement.tagged else ""
    return f"  {', '.join(statement.actions)} on {statement.resource}{only}"
