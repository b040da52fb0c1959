"""The pytest plugin that breaks the house: `pytest -p tests.mutants.plugin --mutant NAME …`."""

import pytest

from tests.mutants.guarantees import MUTANTS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutant", default="", help="break one decision: a name of tests/mutants/guarantees.py")


def pytest_configure(config: pytest.Config) -> None:
    name = str(config.getoption("--mutant"))
    if name:
        MUTANTS[name].breaks(pytest.MonkeyPatch())  # until the process ends
