import json

from command_line import typed

from autocloudops.actions.policy import ActingPlace, document


def test_permissions_are_those_that_acting_needs() -> None:
    """Whoever writes the worker's role copies what the code calls, for one account and region."""
    said = typed("--output", "json", "policy", "permissions", "--account", "111122223333", "--region", "eu-west-1")
    assert said.exit_code == 0
    assert json.loads(said.stdout) == document(ActingPlace(account="111122223333", region="eu-west-1"))


def test_people_read_a_line_for_each_statement() -> None:
    """Without JSON every statement is a line that names its actions, and none of them changes a target."""
    said = typed("policy", "permissions").stdout
    assert "ssm:StartAutomationExecution" in said
    assert "UpdateService" not in said
