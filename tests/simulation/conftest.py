"""`--seed 17` chooses the schedule that is lived through alone."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a seed from the command line."""
    parser.addoption("--seed", type=int, default=0, help="which schedule `one_schedule` lives through")
