"""Sample facts for every page: what the check at start renders and what docs/TEMPLATES.md documents, as for mails.

The keys of a page's samples are its public variables. The samples together walk every branch of our templates.
"""

from collections.abc import Mapping
from typing import Any, Final

Facts = Mapping[str, Any]

_PAGE: Final[Facts] = {
    "at": "2026-11-24T18:05:00+00:00",
    "desk_name": "Mesa de Servicio",
    "desk_address": "soporte@ejemplo.mx",
    "languages": [{"code": "xx", "name": "Otro idioma"}],
}
_FIRST_ATTENTION: Final[Facts] = {
    "kind": "first_attention",
    "due": "2026-11-24T18:20:00+00:00",
    "state": "running",
    "kept_at": None,
    "missed": [],
    "closed": [],
}
_ATTENDED: Final[Facts] = {**_FIRST_ATTENTION, "state": "kept", "kept_at": "2026-11-24T17:02:00+00:00"}
_RESOLUTION: Final[Facts] = {**_FIRST_ATTENTION, "kind": "resolution", "due": "2026-11-25T00:20:00+00:00"}
_SENT: Final[Facts] = {
    "at": "2026-11-24T16:20:05+00:00",
    "sent": True,
    "channel": "email",
    "kind": "acknowledgement",
}
_RECEIVED: Final[Facts] = {"at": "2026-11-24T16:20:00+00:00", "sent": False, "channel": "email", "kind": ""}
_STATUS: Final[Facts] = {
    **_PAGE,
    "number": "INC-100425",
    "status": "open",
    "closed_by": "",
    "ended": None,
    "queue": "operations",
    "severity": 2,
    "opened": "2026-11-24T16:20:00+00:00",
    "times": [_FIRST_ATTENTION, _RESOLUTION],
    "messages": [_RECEIVED, _SENT],
    "messages_more": 0,
}
_ATTACHMENTS: Final[Facts] = {
    **_PAGE,
    "number": "INC-100425",
    "received": "2026-11-24T16:20:00+00:00",
    "files": [
        {"name": "factura Ñandú.pdf", "type": "application/pdf", "size": 230_410, "href": "abc/1"},
        {"name": "grabación de pantalla.mp4", "type": "video/mp4", "size": 21_345_678, "href": "abc/2"},
        {"name": "Timbrado.eml", "type": "message/rfc822", "size": 9_876, "href": "abc/3"},
    ],
    "whole_name": "INC-100425.eml",
    "whole_size": 29_345_678,
    "whole_href": "abc/0",
}
_HOLIDAY: Final[Facts] = {
    "reason": "holiday",
    "first": "2026-11-16",
    "last": "2026-11-16",
    "from": "",
    "until": "",
    "name": "Revolución Mexicana",
}
_SENT_KINDS: Final = (
    "acknowledgement", "status", "question", "answer", "revised_promise", "resolution", "confirmation_request", "sms",
    "call", "announcement", "unheard_of",
)  # fmt: skip

# Page, then the name of a sample, then its facts.
PAGE_SAMPLES: Final[Mapping[str, Mapping[str, Facts]]] = {
    "status": {
        "open": _STATUS,
        "nothing_promised": {**_STATUS, "times": [], "messages": [], "languages": []},
        "over_a_holiday": {
            **_STATUS,
            "at": "2026-11-13T23:40:00+00:00",
            "opened": "2026-11-13T23:20:00+00:00",
            "messages": [{**_RECEIVED, "at": "2026-11-13T23:20:00+00:00"}],
            "times": [{**_RESOLUTION, "due": "2026-11-17T22:40:00+00:00", "closed": [_HOLIDAY]}],
        },
        "waiting": {
            **_STATUS,
            "status": "waiting",
            "times": [_ATTENDED, {**_RESOLUTION, "state": "paused"}],
            "messages": [
                _RECEIVED,
                *({**_SENT, "kind": kind} for kind in _SENT_KINDS),
                {**_RECEIVED, "channel": "phone"},
            ],
            "messages_more": 12,
        },
        "late": {
            **_STATUS,
            "at": "2026-11-25T16:05:00+00:00",
            "severity": 3,
            "queue": "development",
            "times": [
                {**_ATTENDED, "state": "kept_late", "kept_at": "2026-11-24T18:41:00+00:00"},
                {**_RESOLUTION, "state": "late", "missed": ["2026-11-24T17:30:00+00:00"]},
            ],
            "messages_more": 1,
        },
        "resolved": {**_STATUS, "status": "resolved", "ended": "2026-11-24T18:01:00+00:00", "times": [_ATTENDED]},
        "told": {
            **_STATUS,
            "status": "told",
            "ended": "2026-11-24T18:02:00+00:00",
            "times": [_ATTENDED, {**_RESOLUTION, "state": "kept", "kept_at": "2026-11-24T18:01:00+00:00"}],
        },
        **{
            f"closed_by_{who}": {
                **_STATUS,
                "status": "closed",
                "closed_by": who,
                "ended": "2026-11-24T18:03:00+00:00",
                "times": [_ATTENDED],
            }
            for who in ("user", "silence", "desk", "merged", "")
        },
    },
    "attachments": {
        "several": _ATTACHMENTS,
        "one": {**_ATTACHMENTS, "files": _ATTACHMENTS["files"][:1], "languages": []},
        "none_found": {**_ATTACHMENTS, "files": []},
    },
    "attachments_gone": {"usual": {**_PAGE, "number": "INC-100425", "received": "2026-11-24T16:20:00+00:00"}},
    "not_found": {"usual": _PAGE, "alone": {**_PAGE, "languages": []}},
    "expired": {"usual": {**_PAGE, "number": "INC-100425"}},
    "away": {"usual": _PAGE},
}
