"""What stands in for `aws` and `autocloudops` where only the deployment script is tested: called under either name.

Everything it knows is one JSON document, whose path is FAKE_CLOUD. Each call that changes it leaves a copy of what was
there before beside it, and, of a stack, what a call that was cut would have left: an account in the middle of things.
"""

# ruff: noqa: T201 # it answers on standard output
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ACCOUNT, REGION = "111122223333", "eu-west-1"
EMPTY: dict[str, Any] = {"stacks": {}, "endpoint": None, "images": [], "objects": [], "control": None, "plan": {}}
OUTPUTS = ("DataKeyArn", "AlarmQueueUrl", "AlarmDlqUrl", "FollowUpQueueUrl", "FollowUpDlqUrl", "RepositoryUri")
"""Of every stack, so that this need not know which has which."""
WAYS = {"ways": [{"way": "always on", "dollars": 2631.65}, {"way": "to zero", "dollars": 216.3}]}
ENDED = {"CREATE_IN_PROGRESS": "CREATE_COMPLETE", "UPDATE_IN_PROGRESS": "UPDATE_COMPLETE", "DELETE_IN_PROGRESS": None}
UNWOUND = "UPDATE_ROLLBACK_COMPLETE"


class Cloud:
    """The document, and one call about it."""

    def __init__(self, path: Path, arguments: list[str]) -> None:
        self._path = path
        self._arguments = arguments
        self.state: dict[str, Any] = json.loads(path.read_text())

    def option(self, name: str) -> str:
        """Return what stands behind an option."""
        return self._arguments[self._arguments.index(name) + 1]

    def several(self, name: str) -> list[str]:
        """Return everything between an option and the next."""
        first = self._arguments.index(name) + 1
        ends = [index for index, each in enumerate(self._arguments) if index >= first and each.startswith("--")]
        return self._arguments[first : min(ends, default=len(self._arguments))]

    def leave(self) -> None:
        """Keep what is there now as what a script that is cut here leaves."""
        folder = self._path.with_suffix(".left")
        folder.mkdir(exist_ok=True)
        (folder / f"{len(list(folder.iterdir())):03}.json").write_text(json.dumps(self.state))

    def save(self) -> None:
        """Keep the document."""
        self._path.write_text(json.dumps(self.state))

    def describe_stacks(self) -> None:
        """Tell of every stack; what was in progress has ended when it is asked about again."""
        told = [{"StackName": name, **about} for name, about in self.state["stacks"].items()]
        print(json.dumps({"Stacks": told}))
        after = {
            name: {**about, "StackStatus": ENDED.get(about["StackStatus"], about["StackStatus"])}
            for name, about in self.state["stacks"].items()
        }
        self.state["stacks"] = {name: about for name, about in after.items() if about["StackStatus"]}
        self.save()

    def deploy(self) -> None:
        """Make a stack; cut before it, it is not begun, and cut within it, it is in review or in progress."""
        name, stacks = self.option("--stack-name"), self.state["stacks"]
        before = stacks.get(name)
        status = before["StackStatus"] if before else "REVIEW_IN_PROGRESS"
        if status in {"ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"}:
            sys.exit(f"Stack:{name} is in {status} state and can not be updated.")
        self.leave()
        is_new = status == "REVIEW_IN_PROGRESS"
        if is_new:
            stacks[name] = {"StackStatus": status}
            self.leave()
        parameters = [each.partition("=") for each in self.several("--parameter-overrides")]
        tags = [each.partition("=") for each in self.several("--tags")]
        made = {
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, _, value in parameters],
            "Outputs": [{"OutputKey": each, "OutputValue": f"{each.lower()}-of-{name}"} for each in OUTPUTS],
            "Tags": [{"Key": key, "Value": value} for key, _, value in tags],
        }
        doing = "CREATE" if is_new else "UPDATE"
        stacks[name] = {"StackStatus": f"{doing}_IN_PROGRESS", **made}
        self.leave()
        stacks[name] = {"StackStatus": f"{doing}_COMPLETE", **made}
        self.save()

    def delete_stack(self) -> None:
        """Begin to delete a stack."""
        self.leave()
        self.state["stacks"][self.option("--stack-name")]["StackStatus"] = "DELETE_IN_PROGRESS"
        self.save()

    def continue_rollback(self) -> None:
        """Bring a stack back to where it was."""
        self.state["stacks"][self.option("--stack-name")]["StackStatus"] = UNWOUND
        self.save()

    def copy(self) -> None:
        """Take an upload."""
        self.leave()
        source, target = self._arguments[-2:]
        self.state["objects"] = sorted({*self.state["objects"], target})
        if source.endswith(".zip"):
            import zipfile  # noqa: PLC0415 - the script calls this dozens of times, and one of them needs it

            with zipfile.ZipFile(source) as archive:
                self.state["source"] = sorted(archive.namelist())
        self.save()

    def start_build(self) -> None:
        """Build an image at once."""
        self.leave()
        (said,) = self.several("--environment-variables-override")
        self.state["images"].append(said.partition("value=")[2].partition(",")[0])
        self.save()
        print("build-1")

    def describe_images(self) -> None:
        """Say whether an image is there."""
        if self.option("--image-ids").removeprefix("imageTag=") not in self.state["images"]:
            sys.exit("ImageNotFoundException")
        print("sha256:1")

    def put_item(self) -> None:
        """Write the control item, once."""
        if "refuses" in self.state:
            sys.exit(self.state["refuses"])
        if self.state["control"]:
            sys.exit("An error occurred (ConditionalCheckFailedException) when calling the PutItem operation")
        self.leave()
        self.state["control"] = json.loads(self.option("--item"))["mode"]["S"]
        self.save()

    def ensure(self) -> None:
        """Make the endpoint, or go on with it; cut within it, it is still being created."""
        self.leave()
        endpoint = self.state["endpoint"] or {"owned": True, "leases": {}}
        endpoint["leases"][self.option("--consumer")] = "now"
        self.state["endpoint"] = {**endpoint, "status": "Creating", "instance_type": "ml.g6e.xlarge"}
        self.leave()
        self.state["endpoint"]["status"] = "InService"
        self.save()

    def leave_endpoint(self) -> None:
        """Give the lease back, and delete the endpoint with its last one."""
        self.leave()
        self.state["endpoint"]["leases"].pop(self.option("--consumer"), None)
        if "delete" in self._arguments:
            self.state["endpoint"] = None
        self.save()

    def cost(self) -> None:
        """Tell what a month costs, where there is a price."""
        if not self.state.get("priced", True):
            sys.exit("no instance type is called so")
        print(json.dumps(WAYS))

    def status(self) -> None:
        """Tell of the endpoint."""
        print(json.dumps(self.state["endpoint"] or {"status": None, "leases": {}}))
        if not self.state["endpoint"]:
            sys.exit(1)


def answers(cloud: Cloud) -> dict[tuple[str, str], Callable[[], object]]:
    """Return what is done by which call."""
    return {
        ("sts", "get-caller-identity"): lambda: print(f"arn:aws:iam::{ACCOUNT}:user/ana"),
        ("iam", "simulate-principal-policy"): lambda: print("iam:CreateRole"),
        ("cloudformation", "describe-stacks"): cloud.describe_stacks,
        ("cloudformation", "deploy"): cloud.deploy,
        ("cloudformation", "package"): cloud.leave,
        ("cloudformation", "delete-stack"): cloud.delete_stack,
        ("cloudformation", "describe-stack-events"): lambda: print("Worker\tthe reason"),
        ("cloudformation", "continue-update-rollback"): cloud.continue_rollback,
        ("s3", "cp"): cloud.copy,
        ("codebuild", "start-build"): cloud.start_build,
        ("codebuild", "batch-get-builds"): lambda: print(cloud.state.get("build", "SUCCEEDED")),
        ("ecr", "describe-images"): cloud.describe_images,
        ("dynamodb", "put-item"): cloud.put_item,
        ("endpoint", "plan"): lambda: print(json.dumps(cloud.state["plan"])),
        ("endpoint", "cost"): cloud.cost,
        ("endpoint", "status"): cloud.status,
        ("endpoint", "ensure"): cloud.ensure,
        ("endpoint", "delete"): cloud.leave_endpoint,
        ("endpoint", "release"): cloud.leave_endpoint,
    }


def main() -> None:
    """Answer one call; what is not expected ends with its words."""
    arguments = sys.argv[1:]
    given = arguments[2:] if Path(sys.argv[0]).name == "aws" else arguments
    known = answers(Cloud(Path(os.environ["FAKE_CLOUD"]), arguments))
    wanted = (given[0], given[1])
    if wanted not in known:
        sys.exit(f"not expected: {' '.join(arguments)}")
    known[wanted]()


if __name__ == "__main__":
    main()
