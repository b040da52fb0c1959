"""From the signals found in a text to its severity: one table, read from the top, the first rule that fits decides.

The order is the desk's (process sections 4 and 5): what may harm a taxpayer first, then causes on the sender's side,
then what is down, what is wished for, what is wrong in part; everything else is a question. Promises: the same signals
give the same rule. Never: knows a language or a word; weighs tone, capitals or haste.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from desk.base.names import Severity


class Signal(StrEnum):
    """What a phrase of a language folder can say of a text. The last five change what the others mean."""

    EXPOSURE = "exposure"
    LOSS = "loss"
    WRONG_RESULT = "wrong_result"
    SYSTEMATIC = "systematic"
    SHOWN_ONLY = "shown_only"
    CRASH = "crash"
    CORE_DOWN = "core_down"
    LOGIN_FAILS = "login_fails"
    STOPPED = "stopped"
    FEATURE_FAULT = "feature_fault"
    SLOW = "slow"
    UNUSABLE = "unusable"
    EVERYBODY = "everybody"
    ONE_ONLY = "one_only"
    SOMETIMES = "sometimes"
    OTHERS_FINE = "others_fine"
    OWN_DATA = "own_data"
    OWN_LOGIN = "own_login"
    OWN_PLACE = "own_place"
    NOWHERE = "nowhere"
    PROVEN = "proven"
    RETRIED = "retried"
    CAUSE_ASKED = "cause_asked"
    WISH = "wish"
    ASKING = "asking"
    ROUTINE = "routine"
    COMPLAINT = "complaint"
    ELSEWHERE = "elsewhere"
    DENIED = "denied"
    HYPOTHETICAL = "hypothetical"
    SOLVED = "solved"
    CONTRAST = "contrast"


S = Signal


@dataclass(frozen=True, slots=True)
class Rule:
    """Fits when each group of `when` has a signal in the text and `unless` has none. `name` is its reason's name."""

    name: str
    severity: Severity
    confidence: float
    when: tuple[tuple[Signal, ...], ...] = ()
    unless: tuple[Signal, ...] = ()


def _rule(
    name: str, severity: Severity, confidence: float, *when: Collection[Signal], unless: Collection[Signal] = ()
) -> Rule:
    return Rule(name, severity, confidence, tuple(map(tuple, when)), tuple(unless))


CORE = (S.CORE_DOWN, S.STOPPED)
IN_PART = (S.SOMETIMES, S.OTHERS_FINE)

RULES: tuple[Rule, ...] = (
    _rule("exposure", Severity.OUTAGE, 0.9, [S.EXPOSURE]),
    _rule("loss", Severity.OUTAGE, 0.85, [S.LOSS]),
    _rule("own_data_proven", Severity.DEGRADED, 0.8, [S.OWN_DATA], [S.PROVEN], unless=[S.EVERYBODY]),
    _rule("own_data", Severity.QUESTION, 0.85, [S.OWN_DATA], unless=[S.EVERYBODY, S.PROVEN]),
    _rule("own_place", Severity.QUESTION, 0.85, [S.OWN_PLACE], unless=[S.NOWHERE]),
    _rule(
        "wrong_result",
        Severity.OUTAGE,
        0.85,
        [S.WRONG_RESULT],
        [S.SYSTEMATIC, S.EVERYBODY],
        unless=[S.SHOWN_ONLY, S.OTHERS_FINE],
    ),
    _rule(
        "one_account",
        Severity.DEGRADED,
        0.8,
        [S.OWN_LOGIN, S.LOGIN_FAILS],
        [S.RETRIED, S.OTHERS_FINE],
        unless=[S.EVERYBODY],
    ),
    _rule("own_login", Severity.QUESTION, 0.85, [S.OWN_LOGIN], unless=[S.EVERYBODY]),
    _rule("crash_in_part", Severity.DEGRADED, 0.8, [S.CRASH], [*IN_PART, S.ONE_ONLY]),
    _rule("crash", Severity.OUTAGE, 0.85, [S.CRASH]),
    _rule("unusable", Severity.OUTAGE, 0.8, [S.SLOW], [S.UNUSABLE, S.STOPPED]),
    _rule("core_in_part", Severity.DEGRADED, 0.75, CORE, IN_PART),
    _rule("core_one", Severity.DEGRADED, 0.7, [S.CORE_DOWN], [S.ONE_ONLY], unless=[S.EVERYBODY, S.STOPPED]),
    _rule("core_down", Severity.OUTAGE, 0.9, [S.CORE_DOWN]),
    _rule("stopped", Severity.OUTAGE, 0.8, [S.STOPPED]),
    _rule("login_everybody", Severity.OUTAGE, 0.85, [S.LOGIN_FAILS], [S.EVERYBODY]),
    _rule("login_fails", Severity.OUTAGE, 0.6, [S.LOGIN_FAILS]),
    _rule("wish", Severity.OUTAGE, 0.6, [S.WISH]),
    _rule("slow", Severity.DEGRADED, 0.8, [S.SLOW]),
    _rule("feature_fault", Severity.DEGRADED, 0.8, [S.FEATURE_FAULT]),
    _rule("wrong_in_part", Severity.DEGRADED, 0.7, [S.WRONG_RESULT]),
    _rule("cause_asked", Severity.DEGRADED, 0.6, [S.CAUSE_ASKED]),
    _rule("elsewhere", Severity.QUESTION, 0.8, [S.ELSEWHERE]),
    _rule("hypothetical", Severity.QUESTION, 0.8, [S.HYPOTHETICAL]),
    _rule("solved", Severity.QUESTION, 0.8, [S.SOLVED]),
    _rule("complaint", Severity.QUESTION, 0.8, [S.COMPLAINT]),
    _rule("routine", Severity.QUESTION, 0.8, [S.ROUTINE]),
    _rule("asking", Severity.QUESTION, 0.8, [S.ASKING]),
    _rule("denied", Severity.QUESTION, 0.7, [S.DENIED]),
    _rule("nothing_broken", Severity.QUESTION, 0.5),
)

# What a desk that is not careful makes of rules whose signs are faint: the likelier grade instead of the graver one.
LIKELIER: Mapping[str, Severity] = {"login_fails": Severity.DEGRADED}


def decide(has: Callable[[Signal], bool]) -> Rule:
    """Return the first rule that fits. There is always one: the last asks nothing. Asks only what it needs to know."""
    return next(rule for rule in RULES if _fits(rule, has))


def _fits(rule: Rule, has: Callable[[Signal], bool]) -> bool:
    for one in rule.when:
        if not any(map(has, one)):
            return False
    return not any(map(has, rule.unless))
