"""Templates as an emulator takes them: without the types that it lacks, each of which a test names."""

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "infrastructure" / "cloudformation"
LACKING = frozenset(
    {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::SSM::Document",
    }
)
"""Types of ours that CloudFormation of ministack 1.5.33 refuses."""
METRIC_MATH = "      Metrics:\n"
"""What it refuses in an alarm."""
RESOURCE = re.compile(r"^  (?=\w+:\n)", re.MULTILINE)
TYPE = re.compile(r"^    Type: (\S+)$", re.MULTILINE)


def resources_of(template: str) -> Mapping[str, str]:
    """Return the type of each resource by its name."""
    return {block.partition(":")[0]: TYPE.findall(block)[0] for block in _blocks(template)}


def without_lacking(template: str) -> tuple[str, frozenset[str]]:
    """Return a template without the resources that the emulator refuses, and their names."""
    removed = {block for block in _blocks(template) if TYPE.findall(block)[0] in LACKING or _computed(block)}
    for block in removed:
        template = template.replace(f"  {block}", "")
    return template, frozenset(block.partition(":")[0] for block in removed)


def _computed(block: str) -> bool:
    return "    Type: AWS::CloudWatch::Alarm\n" in block and METRIC_MATH in block


def _blocks(template: str) -> list[str]:
    section = template.partition("\nResources:\n")[2].partition("\nOutputs:\n")[0]
    return RESOURCE.split(section)[1:]


IMAGE_FUNCTION = re.compile(
    r"      PackageType: Image\n      Code: \{ImageUri: !Ref ImageUri\}\n      ImageConfig:\n"
    r"        EntryPoint: \[.+\]\n        Command: \[(?P<module>[\w.]+)\.(?P<handler>\w+)\]\n"
)
ZIPPED_FUNCTION = """      Runtime: python3.11
      Handler: index.called
      Code: {{ZipFile: "from {module} import {handler} as called"}}
"""
BOUND = ("MaximumConcurrency: !Ref MaximumConcurrency}", "MaximumConcurrency: 8}")
"""The emulator keeps a parameter as text, and a mapping with such a bound is never polled."""


def with_functions_that_run(template: str, variables: Mapping[str, str]) -> tuple[str, int]:
    """Return a template whose functions run the installed code, since the emulator runs none of an image; how many.

    Args:
        template: the template's text.
        variables: what their environment has besides what the template says: where the stand-ins are.
    """
    more = "".join(f"          {name}: {value}\n" for name, value in variables.items())
    changed, count = IMAGE_FUNCTION.subn(lambda found: ZIPPED_FUNCTION.format(**found.groupdict()), template)
    changed = changed.replace(*BOUND)
    return (changed.replace("        Variables:\n", f"        Variables:\n{more}") if count else changed), count
