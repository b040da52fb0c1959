"""Sample facts for every mail: what `check` renders, what docs/TEMPLATES.md documents, what the kept copies show.

The keys of a mail's samples are its public variables. The samples together walk every branch of our templates.
"""

from collections.abc import Mapping
from typing import Any, Final

Facts = Mapping[str, Any]

_HOLIDAY: Final[Facts] = {
    "reason": "holiday",
    "first": "2026-11-16",
    "last": "2026-11-16",
    "from": "",
    "until": "",
    "name": "Revolución Mexicana",
}
_ACKNOWLEDGEMENT: Final[Facts] = {
    "number": "INC-100425",
    "severity": 2,
    "at": "2026-11-24T16:20:00+00:00",
    "first_attention": "2026-11-24T18:20:00+00:00",
    "resolution": "2026-11-25T00:20:00+00:00",
    "name": "Laura Méndez",
    "open": True,
    "next_opening": None,
    "contacts": [
        {"name": "Primer Asesor", "phone": "55 5000 0000", "extension": "205"},
        {"name": "Gerente de Soporte", "phone": "55 5000 0001", "extension": ""},
    ],
    "operator": "Operadora: marque 0 en el 55 5000 0000.",
    "status_url": "https://soporte.ejemplo.mx/i/abc",
    "privacy_url": "https://ejemplo.mx/privacidad",
    "reopened": False,
    "pin": "4821",
    "copied": [],
    "copied_more": 0,
    "tutorials": [],
    "questions": [],
    "closed": [],
}
_NOTICE: Final[Facts] = {
    "number": "INC-100425",
    "severity": 3,
    "severity_reasons": ["Dice «nadie puede»: un servicio que falla para todos."],
    "queue": "operations",
    "at": "2026-11-24T16:20:00+00:00",
    "first_attention": "2026-11-24T18:20:00+00:00",
    "resolution": "2026-11-25T00:20:00+00:00",
    "name": "Laura Méndez",
    "email": "laura@cliente.mx",
    "subject": "Nadie puede timbrar",
    "text": "Buenos días:\n\nDesde las 10:00 nadie puede timbrar facturas.\n\nGracias,\nLaura",
    "more": False,
    "attachments": [{"name": "pantalla.png", "type": "image/png", "size": 123_456}],
    "to_name": "Ana López",
    "assigned": True,
    "added": False,
    "automatic": False,
    "language": "es",
    "reply_goes_to": "",
    "answer_to": "soporte+100425.k7mzq2xwa5@ejemplo.mx",
    "answer_key": "",
    "actions": ["take", "escalate"],
    "dossier": [],
    "others": [],
    "attached": [],
    "left_out": [],
}
_RECEIPT: Final[Facts] = {"number": "INC-100425", "at": "2026-11-24T17:05:00+00:00", "name": "Ana López"}
_STATUS: Final[Facts] = {
    "number": "INC-100425",
    "at": "2026-11-24T17:30:00+00:00",
    "name": "Laura Méndez",
    "status": "open",
    "queue": "operations",
    "severity": 3,
    "first_attention": "2026-11-24T18:20:00+00:00",
    "first_attended": None,
    "resolution": "2026-11-25T00:20:00+00:00",
    "paused": False,
    "solution_known": False,
    "status_url": "https://soporte.ejemplo.mx/i/abc",
    "closed": [],
}
_DIGEST: Final[Facts] = {
    "at": "2026-11-24T15:00:00+00:00",
    "day": "2026-11-24",
    "to_name": "Gerente de Soporte",
    "opened": 14,
    "open": [
        {"queue": "desk", "count": 3},
        {"queue": "operations", "count": 5},
        {"queue": "development", "count": 1},
    ],
    "late": [
        {
            "number": "INC-100417",
            "severity": 3,
            "queue": "operations",
            "due": "2026-11-23T23:40:00+00:00",
            "subject": "No abre el portal de facturación",
        },
    ],
    "late_more": 0,
    "held": [
        {
            "id": 31,
            "reason": "list",
            "from": "boletin@proveedor.mx",
            "subject": "Novedades de noviembre",
            "at": "2026-11-23T20:05:00+00:00",
        },
    ],
    "held_more": 0,
}

# What a row that was owed before a variable existed says for it, so that it still goes out after an upgrade.
LATER: Final[Mapping[str, Facts]] = {
    "acknowledgement": {"pin": "", "copied": [], "copied_more": 0, "tutorials": [], "questions": [], "closed": []},
    "notice": {
        "answer_to": "",
        "answer_key": "",
        "actions": [],
        "dossier": [],
        "others": [],
        "attached": [],
        "left_out": [],
    },
}

# Mail, then the name of a sample, then its facts.
SAMPLES: Final[Mapping[str, Mapping[str, Facts]]] = {
    "acknowledgement": {
        "open": _ACKNOWLEDGEMENT,
        "closed": {
            **_ACKNOWLEDGEMENT,
            "at": "2026-11-28T20:15:00+00:00",
            "first_attention": "2026-11-30T17:00:00+00:00",
            "resolution": "2026-11-30T23:00:00+00:00",
            "open": False,
            "next_opening": "2026-11-30T15:00:00+00:00",
            "severity": 1,
        },
        "bare": {
            **_ACKNOWLEDGEMENT,
            "severity": 3,
            "name": "",
            "contacts": [],
            "operator": "",
            "status_url": "",
            "privacy_url": "",
        },
        "asked": {
            **_ACKNOWLEDGEMENT,
            "copied": ["ana@cliente.mx", "luis@cliente.mx"],
            "copied_more": 2,
            "tutorials": [{"title": "Cómo timbrar una factura", "url": "https://ejemplo.mx/timbrar"}],
            "questions": ["which", "where", "since"],
            "closed": [_HOLIDAY],
        },
        "operator_only": {**_ACKNOWLEDGEMENT, "contacts": [], "status_url": ""},
        "reopened": {
            **_ACKNOWLEDGEMENT,
            "reopened": True,
            "first_attention": "2026-12-30T18:20:00+00:00",
            "at": "2026-12-30T16:20:00+00:00",
            "resolution": "2027-01-04T16:20:00+00:00",
        },
    },
    "notice": {
        "new": _NOTICE,
        "added": {
            **_NOTICE,
            "severity": 2,
            "added": True,
            "first_attention": None,
            "text": "Ya probé con otro navegador y sigue igual.",
            "attachments": [],
            "severity_reasons": [],
        },
        "automatic": {
            **_NOTICE,
            "automatic": True,
            "first_attention": None,
            "resolution": None,
            "name": "",
            "email": "monitor@cliente.mx",
            "language": "en",
            "subject": "ALERT: disk full on app-01",
            "text": "/var is 98 % full on app-01.",
            "attachments": [],
        },
        "unreadable": {
            **_NOTICE,
            "severity": 1,
            "severity_reasons": ["unreadable"],
            "queue": "desk",
            "first_attention": None,
            "resolution": None,
            "name": "",
            "email": "",
            "subject": "",
            "text": "",
            "to_name": "",
            "attachments": [],
        },
        "forewarned": {**_NOTICE, "to_name": "Luis Ramos", "assigned": False},
        "long": {
            **_NOTICE,
            "more": True,
            "language": "und",
            "queue": "development",
            "reply_goes_to": "Laura Méndez",
            "answer_key": "k7mzq2xwa5",
            "dossier": [
                {"at": "2026-11-23T17:00:00+00:00", "who": "Laura Méndez", "own": False, "text": "No puedo timbrar."}
            ],
            "others": ["INC-100418"],
            "attached": ["pantalla.png"],
            "left_out": ["video.mp4"],
            "attachments": [{"name": "", "type": "image/jpeg", "size": 12_345_678}] * 23,
        },
    },
    "status": {
        "open": _STATUS,
        "attended": {
            **_STATUS,
            "severity": 2,
            "first_attention": None,
            "first_attended": "2026-11-24T16:31:00+00:00",
            "solution_known": True,
            "resolution": "2026-11-25T17:20:00+00:00",
        },
        "late": {
            **_STATUS,
            "at": "2026-11-25T16:00:00+00:00",
            "closed": [],
            "name": "",
            "status_url": "",
        },
        "over_holiday": {
            **_STATUS,
            "at": "2026-11-13T23:30:00+00:00",
            "first_attention": "2026-11-14T00:50:00+00:00",
            "resolution": "2026-11-17T22:30:00+00:00",
            "closed": [_HOLIDAY],
        },
        "waiting": {
            **_STATUS,
            "status": "waiting",
            "queue": "desk",
            "first_attention": None,
            "first_attended": "2026-11-23T16:31:00+00:00",
            "paused": True,
        },
        "resolved": {
            **_STATUS,
            "status": "resolved",
            "queue": "desk",
            "first_attention": None,
            "first_attended": "2026-11-24T16:31:00+00:00",
            "solution_known": True,
        },
        "told": {**_STATUS, "status": "told", "solution_known": True},
        "closed": {**_STATUS, "status": "closed", "solution_known": True},
    },
    "digest": {"usual": _DIGEST},
    "receipt": {"named": _RECEIPT, "nameless": {**_RECEIPT, "name": ""}},
}
