"""Sample facts for every mail: what `check` renders, what docs/TEMPLATES.md documents, what the kept copies show.

The keys of a mail's samples are its public variables. The samples together walk every branch of our templates.
"""

from collections.abc import Mapping
from typing import Any, Final

Facts = Mapping[str, Any]

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
}
_RECEIPT: Final[Facts] = {"number": "INC-100425", "at": "2026-11-24T17:05:00+00:00", "name": "Ana López"}

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
            "attachments": [{"name": "", "type": "image/jpeg", "size": 12_345_678}] * 23,
        },
    },
    "receipt": {"named": _RECEIPT, "nameless": {**_RECEIPT, "name": ""}},
}
