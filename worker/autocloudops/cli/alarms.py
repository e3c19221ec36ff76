"""`alarms parse` and `alarms lint`: what is read in a message, and what is wrong with the alarms in it."""

from collections.abc import Sequence

from autocloudops.alarms.model import Alarm, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.cli.message import read_body
from autocloudops.cli.output import Output, Row, note, print_json, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.hygiene.rules import findings
from autocloudops.redaction import clean

PARSED_COLUMNS = ("what", "state", "time", "account", "region", "name", "kind", "resource", "owner", "shape")
FINDING_COLUMNS = ("alarm", "severity", "code", "statement")
TEXT_LIMIT = 300
SEVERE, MILD = "veto", "hint"


def parse_file(file: str, output: Output) -> ExitCode:
    """Print what is read in a message: each alarm, event, and part that cannot be read.

    Args:
        file: a path, or `-` for standard input.
        output: `json` prints the nouns whole, as the audit keeps them.

    Returns:
        CHECK_FAILED where a part cannot be read.

    Raises:
        InputUnreadable: the file cannot be read.
    """
    parts = parse(read_body(file))
    if output is Output.JSON:
        print_json([{"type": type(part).__name__, **part.model_dump(mode="json")} for part in parts])
    else:
        print_rows(output, [_parsed_row(part) for part in parts], PARSED_COLUMNS)
    return _unread(parts)


def lint_file(file: str, output: Output) -> ExitCode:
    """Print what is wrong with the alarms in a message, with what each finding rests on.

    Args:
        file: a path, or `-` for standard input.
        output: how to print it.

    Returns:
        CHECK_FAILED where an alarm is proved wrong, or a part cannot be read.

    Raises:
        InputUnreadable: the file cannot be read.
    """
    parts = parse(read_body(file))
    found = [(alarm, finding) for alarm in parts if isinstance(alarm, Alarm) for finding in findings(alarm)]
    print_rows(output, [_finding_row(alarm, finding) for alarm, finding in found], FINDING_COLUMNS)
    alarms = sum(isinstance(part, Alarm) for part in parts)
    note(f"{alarms} alarms read, {len(found)} findings, {sum(finding.veto for _, finding in found)} of them vetoes")
    wrong = any(finding.veto for _, finding in found)
    return ExitCode.CHECK_FAILED if wrong else _unread(parts)


def _unread(parts: Sequence[Parsed]) -> ExitCode:
    unread = [part for part in parts if isinstance(part, Unparseable)]
    for part in unread:
        note(f"unreadable ({part.code}): {clean(part.reason, TEXT_LIMIT)}")
    return ExitCode.CHECK_FAILED if unread else ExitCode.OK


def _parsed_row(part: Parsed) -> Row:
    empty = dict.fromkeys(PARSED_COLUMNS)
    match part:
        case Alarm():
            return {
                "what": "alarm",
                "state": part.state.value,
                "time": part.at.isoformat(timespec="milliseconds"),
                "account": part.key.account,
                "region": part.key.region,
                "name": clean(part.key.name, TEXT_LIMIT),
                "kind": part.kind.value,
                "resource": clean(f"{part.resource.type} {part.resource.id}", TEXT_LIMIT),
                "owner": clean(part.resource.owner, TEXT_LIMIT),
                "shape": part.shape,
            }
        case AwsEvent():
            known = {
                "what": "event",
                "time": part.at.isoformat(timespec="milliseconds"),
                "account": part.account,
                "region": part.region,
                "name": clean(f"{part.source} {part.detail_type}", TEXT_LIMIT),
                "shape": part.shape,
            }
            return empty | known
        case Unparseable():
            return empty | {"what": "unreadable", "name": part.code, "shape": part.shape}


def _finding_row(alarm: Alarm, finding: Finding) -> Row:
    return {
        "alarm": clean(alarm.key.name, TEXT_LIMIT),
        "severity": SEVERE if finding.veto else MILD,
        "code": finding.code,
        "statement": clean(finding.statement, TEXT_LIMIT),
        "evidence": {name: clean(value, TEXT_LIMIT) for name, value in finding.evidence.items()},
    }
