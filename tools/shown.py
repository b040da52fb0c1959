"""Shows, line by line, what was promised: each line of docs/DONE.md with the tests and scripts that prove it.

A test is marked `@pytest.mark.done` with the line's id as its argument; a script carries a comment of that mark
followed by a colon and the command that runs it. All of an issue's are run anew. For each line: what proves it, what it
measured, and the verdict. A line that nothing is marked with fails.

Usage: python -m tools.shown house
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
DONE = ROOT / "docs" / "DONE.md"
SCRIPT_FOLDERS = ("tools", "benchmarks", "tests")
LINE = re.compile(r"^- \*\*(?P<id>[a-z]+\.\d+)\*\* (?P<text>.+)$", re.MULTILINE)
# In a script:  # done("issue.1"): make bench
SCRIPT_MARK = re.compile(r'^# done\("(?P<id>[a-z]+\.\d+)"\): (?P<command>.+)$', re.MULTILINE)
SCRIPT_TIMEOUT_S = 3600
# A line of a script's output that begins so is a figure.
FIGURE = "figure: "


@dataclass
class Proof:
    """One test or script, and what came of it."""

    name: str
    verdict: str
    figures: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return self.verdict == "passed"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tools.shown ISSUE", file=sys.stderr)
        return 2
    lines = promised(arguments[0])
    if not lines:
        print(f"docs/DONE.md has no line of {arguments[0]}", file=sys.stderr)
        return 1
    proofs: dict[str, list[Proof]] = {line: [] for line in lines}
    for line, proof in [*run_tests(arguments[0]), *run_scripts(arguments[0])]:
        proofs.setdefault(line, []).append(proof)
    return tell(lines, proofs)


def promised(issue: str) -> dict[str, str]:
    """Return the lines of an issue in docs/DONE.md, id to text."""
    found = {match["id"]: match["text"] for match in LINE.finditer(DONE.read_text())}
    return {line: text for line, text in found.items() if line.startswith(f"{issue}.")}


def run_tests(issue: str) -> list[tuple[str, Proof]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "tests", "--issue", issue, "-rs", f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False)
        if not report.exists():
            return []
        root = ElementTree.parse(report).getroot()  # noqa: S314 our own pytest has just written it
    return [pair for case in root.iter("testcase") for pair in read_case(case)]


def read_case(case: ElementTree.Element) -> list[tuple[str, Proof]]:
    """Return the lines a test case shows, each with the case as proof."""
    said = [(one.get("name"), one.get("value", "")) for one in case.iter("property")]
    bad = next((tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None), None)
    name = f"{case.get('classname')}::{case.get('name')}"
    proof = Proof(name, bad or "passed", [value for key, value in said if key == "figure"])
    return [(value, proof) for key, value in said if key == "done"]


def run_scripts(issue: str) -> list[tuple[str, Proof]]:
    """Run each marked command once, however many lines it shows."""
    ran: dict[str, Proof] = {}
    shown = []
    for line, command in marked_scripts(issue):
        if command not in ran:
            ran[command] = run_script(command)
        shown.append((line, ran[command]))
    return shown


def marked_scripts(issue: str) -> list[tuple[str, str]]:
    paths = sorted(path for folder in SCRIPT_FOLDERS for path in (ROOT / folder).rglob("*.py"))
    marks = [match for path in paths if path != Path(__file__) for match in SCRIPT_MARK.finditer(path.read_text())]
    return [(mark["id"], mark["command"].strip()) for mark in marks if mark["id"].startswith(f"{issue}.")]


def run_script(command: str) -> Proof:
    print(f"--- {command}", flush=True)
    try:
        result = subprocess.run(
            [sys.executable if word == "python" else word for word in command.split()],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            check=False,
            timeout=SCRIPT_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Proof(command, f"no end within {SCRIPT_TIMEOUT_S} s")
    print(result.stdout, end="")
    figures = [line.removeprefix(FIGURE) for line in result.stdout.splitlines() if line.startswith(FIGURE)]
    return Proof(command, "passed" if result.returncode == 0 else f"exit {result.returncode}", figures)


def tell(lines: dict[str, str], proofs: dict[str, list[Proof]]) -> int:
    print()
    good = 0
    for line, text in lines.items():
        shown = bool(proofs[line]) and all(proof.is_good for proof in proofs[line])
        good += shown
        print(f"{line}  {'SHOWN' if shown else 'NOT SHOWN'}  {text}")
        for proof in proofs[line]:
            print(f"    {proof.verdict:8} {proof.name}")
            for figure in proof.figures:
                print(f"             {figure}")
        if not proofs[line]:
            print("    no test and no script is marked with it")
    unknown = sorted(set(proofs) - set(lines))
    for line in unknown:
        print(f"{line}  marked, but docs/DONE.md has no such line")
    print(f"{good} of {len(lines)} lines shown")
    return 0 if good == len(lines) and not unknown else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
