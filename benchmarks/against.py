"""What an answered mail costs now beside what it cost at an earlier revision: the two run in turn on one machine.

Each round runs the benchmark of the earlier tree and that of this one, so that what else happens on the machine meets
both alike; the ratio is that of the medians. Exit 1 when it is over what is allowed, 2 when the revision is not here.

Usage: python -m benchmarks.against REVISION [--mails N] [--rounds R] [--most RATIO]
"""

# done("words.6"): python -m benchmarks.against 5ede05b

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
MAILS = 600
ROUNDS = 5
RATIO_MAX = 1.10
"""Of this tree's CPU to the earlier one's (docs/DONE.md, words.6)."""
MEASURED = "ventanilla, sqlite"
RUN_TIMEOUT_S = 300


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    try:
        with _tree(options.revision) as earlier:
            figures = [(_cpu_ms(earlier, options.mails), _cpu_ms(ROOT, options.mails)) for _ in range(options.rounds)]
    except subprocess.CalledProcessError as failed:
        print(f"{' '.join(map(str, failed.cmd))}: {(failed.stderr or failed.stdout or '').strip()}", file=sys.stderr)
        return 2
    for before, now in figures:
        print(f"  {options.revision} {before:.2f} ms  now {now:.2f} ms")
    before, now = (median(side) for side in zip(*figures, strict=True))
    told = f"{now:.2f} ms CPU an answered mail, {before:.2f} at {options.revision}: {now / before:.2f} times"
    print(f"figure: {told} (at most {options.most:.2f}; medians of {options.rounds} rounds of {options.mails} mails)")
    return 0 if now / before <= options.most else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.against", description=__doc__.partition("\n")[0])
    parser.add_argument("revision", help="a commit of this repository")
    parser.add_argument("--mails", type=int, default=MAILS, metavar="N")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="R")
    parser.add_argument("--most", type=float, default=RATIO_MAX, metavar="RATIO")
    return parser.parse_args(arguments)


@contextmanager
def _tree(revision: str) -> Iterator[Path]:
    """The files of a revision in a folder of their own. Raises CalledProcessError when there is no such revision."""
    with tempfile.TemporaryDirectory(prefix="ventanilla-before-") as folder:
        archive = Path(folder) / "tree.tar"
        command = ["git", "archive", f"--output={archive}", revision]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        tree = Path(folder) / "tree"
        tree.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", tree], check=True, capture_output=True, text=True)
        yield tree


def _cpu_ms(tree: Path, mails: int) -> float:
    """Return CPU milliseconds an answered mail in one run of a tree's own benchmark. Raises CalledProcessError."""
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        command = [sys.executable, "-m", "benchmarks.bench", "--rounds", "1", "--engine", "sqlite"]
        command += ["--mails", str(mails), "--json", told.name]
        subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
        (run,) = (run for run in json.loads(Path(told.name).read_text()) if run["name"] == MEASURED)
    return float(run["cpu_s"]) / float(run["count"]) * 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
