"""`ventanilla run` in a process that can be struck: it tells the places it passes, and stops dead at the one asked for.

Everything runs as shipped, on the shipped event loop; only hooks are laid around what commits and what writes
(tests/faults/places.py), a mistake may be put in on purpose (mutants.py), and the leases it writes may be shortened, so
that the node after it need not wait for 30 s.

Usage: python -m tests.faults.struck_node --pipe FD --ports 2525=smtp,… [--at WHEN NTH NAME] … run --config FILE
"""

import sys
from argparse import REMAINDER, ArgumentParser, Namespace


def main(arguments: list[str]) -> int:
    import desk.due  # derives from the shipped lease how often leases are renewed
    from desk.ledger import statements
    from tests.faults.mutants import MUTANTS
    from tests.faults.places import Place, Places, hook_all
    from ventanilla.cli import dispatch

    args = _parsed(arguments)
    target = Place(args.at[0], args.at[2], int(args.at[1])) if args.at else None
    ports = {int(port): name for port, _, name in (one.partition("=") for one in args.ports.split(","))}
    if args.lease is not None:
        statements.LEASE_S = args.lease
    assert desk.due.RENEW_S >= desk.due.LOOK_S
    if args.mutant:
        MUTANTS[args.mutant].apply()
    hook_all(Places(args.pipe, target), ports)
    return dispatch(args.command)


def _parsed(arguments: list[str]) -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("--pipe", type=int, required=True)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--at", nargs=3, default=None)
    parser.add_argument("--mutant", default="")
    parser.add_argument("--lease", type=int, default=None)
    parser.add_argument("command", nargs=REMAINDER)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
