"""The settings that more than one room needs: the desk itself, its web address, its keys."""

from dataclasses import dataclass

from desk.base.kinds import (
    ADDRESS,
    FOLDER,
    HOST,
    KEY,
    LANGUAGE,
    NAME,
    NETWORK,
    PORT,
    TEXT,
    URL,
    ZONE,
    Network,
    choice,
    list_of,
    optional,
)
from desk.base.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """The desk: its mail address, its name, its language and its time zone."""

    address: str = setting(
        "soporte@ejemplo.mx", "Address that users write to, and the one that answers come from.", ADDRESS
    )
    aliases: tuple[str, ...] = setting(
        [], "Further addresses of the desk; mail to them is taken too.", list_of(ADDRESS)
    )
    reply_address: str = setting(
        "plus",
        "Form of the signed reply address: `plus` needs a mail server that delivers subaddresses, `catchall` one that"
        " delivers every address of the domain, `plain` neither.",
        choice("plus", "catchall", "plain"),
        later="mailboxes",
    )
    name: str = setting("Mesa de Servicio", "Name of the desk, as users read it.", NAME)
    language: str = setting("es", "Language of whoever's own is not known.", LANGUAGE)
    timezone: str = setting("America/Mexico_City", "Time zone of hours, closures and every time told.", ZONE)
    templates: str = setting(
        "",
        "Folder that lies over the shipped language folders, file by file.",
        optional(FOLDER),
    )
    operator: str = setting("", 'Last line of the ordered contacts told to users, like "55 5264 9000, marque 0".', TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The web server of every node: health, metrics, webhooks, pages."""

    host: str = setting("127.0.0.1", "Address the web server binds to.", HOST)
    port: int = setting(8080, "Port of the web server; 0 lets the system choose one.", PORT)
    public_url: str = setting(
        "http://127.0.0.1:8080",
        "Address under which users and Twilio reach the web server; the links in mails begin with it.",
        URL,
    )
    inside: tuple[Network, ...] = setting(
        ["127.0.0.0/8", "::1"], "Networks that may see /board and /metrics.", list_of(NETWORK)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSettings:
    """The keys that sign addresses, links and bounce senders."""

    key: str = setting(
        "",
        "Key that signs reply addresses and links. `ventanilla init` makes one. A new one ends what the old signed,"
        " unless the old is listed in `previous`.",
        optional(KEY),
        secret=True,
    )
    previous: tuple[str, ...] = setting(
        [],
        "Keys of former times: what they signed is still believed, nothing new is signed.",
        list_of(KEY),
        secret=True,
    )
