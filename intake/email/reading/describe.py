"""A `Message` as the object that `ventanilla inspect` prints (CONTRACT 1), but for what triage adds."""

from typing import Any

from desk.base.message import Mailbox, Message
from desk.base.names import MessageKind

NOT_CHECKED = "none"
"""What `authenticity` says as long as nothing was asked: no DNS, no trusted header."""


def describe(message: Message) -> dict[str, Any]:
    """Return the printable object of a message, without severity, reasons and language, which the command adds."""
    return {
        "message_id": message.message_id,
        "kind": message.kind.value,
        "reason": message.reason,
        "may_auto_reply": message.may_auto_reply,
        "from": _person(message.sender),
        "to": [box.address for box in message.to],
        "subject": message.subject,
        "text": message.text,
        "reply_text": message.reply_text,
        "attachments": [{"name": one.name, "type": one.type, "size": one.size} for one in message.attachments],
        "bounce": _bounce(message),
        "authenticity": {"spf": NOT_CHECKED, "dkim": NOT_CHECKED, "dmarc": NOT_CHECKED, "verdict": NOT_CHECKED},
        "defects": list(message.defects),
    }


def _person(box: Mailbox) -> dict[str, str]:
    return {"name": box.name, "address": box.address}


def _bounce(message: Message) -> dict[str, Any] | None:
    if message.kind is not MessageKind.BOUNCE:
        return None
    recipients = [{"address": r.address, "permanent": r.permanent, "status": r.status} for r in message.bounce]
    return {"recipients": recipients}
