"""The tools that judge the others: each is shown something bad and must say so."""

import subprocess
from pathlib import Path

import pytest

from tools import set_up, shown, system_packages, test_floors
from tools.test_floors import Outcome

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nothing_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_floors, "must_not_skip", lambda: False)


@pytest.mark.usefixtures("nothing_forced")
def test_the_floors_close_on_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = test_floors.close([Outcome("rules", 3, 0, 0, 0.1), Outcome("ledger", 4, 0, 1, 0.1)])
    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1] == "7 passed, 0 failed, 1 skipped"


@pytest.mark.usefixtures("nothing_forced")
@pytest.mark.parametrize("outcomes", [[], [Outcome("rules", 0, 0, 0, 0.1)], [Outcome("rules", 9, 1, 0, 0.1)]])
def test_a_failure_or_no_test_at_all_fails_the_run(outcomes: list[Outcome]) -> None:
    assert test_floors.close(outcomes) == 1


def test_in_ci_a_skipped_test_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CI", "true")
    assert test_floors.close([Outcome("ledger", 4, 0, 1, 0.1)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 1 failed, 0 skipped"


def test_errors_at_set_up_count_as_failures(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="10" errors="1" failures="2" skipped="3"/></testsuites>')
    assert test_floors.counted(report) == (4, 3, 3)


def test_a_run_that_died_before_its_report_counts_nothing_as_passed(tmp_path: Path) -> None:
    assert test_floors.counted(tmp_path / "none.xml") == (0, 0, 0)


def test_every_folder_of_tests_is_a_floor_that_is_run() -> None:
    folders = {folder.name for folder in test_floors.TESTS.iterdir() if test_floors.holds_tests(folder)}
    assert sorted(folders - set(test_floors.FLOORS)) == []


@pytest.mark.parametrize(
    ("proofs", "verdict"),
    [
        ([], "NOT SHOWN"),
        ([shown.Proof("a", "passed")], "SHOWN"),
        ([shown.Proof("a", "passed"), shown.Proof("b", "failure")], "NOT SHOWN"),
        ([shown.Proof("a", "skipped")], "NOT SHOWN"),
    ],
)
def test_a_line_is_shown_only_when_all_that_is_marked_with_it_passed(
    proofs: list[shown.Proof], verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = shown.tell({"x.1": "a promise"}, {"x.1": proofs})
    assert f"x.1  {verdict}  a promise" in capsys.readouterr().out
    assert code == (0 if verdict == "SHOWN" else 1)


def test_a_mark_of_a_line_that_nobody_promised_fails() -> None:
    proofs = {"x.1": [shown.Proof("a", "passed")], "x.7": [shown.Proof("b", "passed")]}
    assert shown.tell({"x.1": "a promise"}, proofs) == 1


def test_a_script_tells_its_figures_and_fails_by_its_exit_code(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('figure: 3 ms'); print('more'); raise SystemExit(4)")
    proof = shown.run_script(f"python {script}")
    assert proof.figures == ["3 ms"]
    assert proof.verdict == "exit 4"


def test_the_environment_is_made_anew_when_a_lock_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    before = set_up.fingerprint("dev")
    (tmp_path / "requirements-dev.lock").write_text("two")
    assert set_up.fingerprint("dev") != before


def test_without_root_each_missing_program_is_one_line_saying_what_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_packages, "find", lambda _: None)
    monkeypatch.setattr(system_packages, "may_install", lambda: False)
    assert system_packages.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(system_packages.NEEDS)
    assert all(line.startswith("skipped: ") and "apt-get install" in line for line in lines)


def test_the_lock_files_agree_on_every_version() -> None:
    def pinned(lock: str) -> set[str]:
        return {line.split()[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line}

    assert pinned("requirements.lock") <= pinned("requirements-dev.lock")
    assert pinned("requirements-build.lock") <= pinned("requirements-dev.lock")


def test_every_task_of_the_makefile_says_what_it_does() -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tasks = {line.split()[1] for line in listed.splitlines()}
    assert {
        "run",
        "test",
        "check",
        "bench",
        "mutants",
        "shown",
        "faults",
        "faults-long",
        "lock",
        "docs",
        "clean",
    } <= tasks
