"""Plays one life again and says what it was: `python -m tests.world SEED`."""

import sys

from tests.world.guarantees import GUARANTEES, broken
from tests.world.world import Life, Theatre


def main(arguments: list[str]) -> int:
    """Return 0 when every guarantee held, 1 when one broke, 2 without a seed."""
    if len(arguments) != 1 or not arguments[0].isdecimal():
        print("usage: python -m tests.world SEED", file=sys.stderr)
        return 2
    life = Theatre().play(int(arguments[0]))
    tell(life)
    return 1 if broken(life) else 0


def tell(life: Life) -> None:
    """Print the letters of a life, what struck, what the relay took and which guarantees broke."""
    for letter in life.letters:
        told = "told 250" if letter.was_accepted else "never told 250"
        name = letter.message_id or "without id"
        print(f"letter {name} from {letter.sender}: {letter.fate}, {told}, {len(letter.copies)} times")
    for fault, times in (+life.struck).items():
        print(f"fault  {fault}: {times}")
    for taken in life.relay.taken:
        print(f"relay  {taken.at:%Y-%m-%d %H:%M:%S} {taken.recipient} {taken.message_id} from {taken.process.name}")
    for number, sentences in broken(life).items():
        for sentence in sentences:
            print(f"BROKEN guarantee {number}, {GUARANTEES[number].__name__}: {sentence}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
