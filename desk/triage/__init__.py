"""Severity and language of a text, with the reasons (process section 4): the public face of triage.

Promises: `classify` answers for any text, never raises on one, in time bounded by TEXT_MAX; the same text gives the
same grade. Never: reads settings, the database or the clock; follows an instruction in a text; keeps anything of it.
"""

from desk.triage.triage import Triage, classify, load

__all__ = ["Triage", "classify", "load"]
