"""The settings of the outer world that intake and responders share: OAuth providers and Twilio."""

from dataclasses import dataclass

from desk.base.kinds import FILE, IDENTIFIER, PHONE, TEXT, URL, choice, optional
from desk.base.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class OauthSettings:
    """A provider of tokens for mailboxes and relays, under a name of your choice."""

    provider: str = setting("google", "Whose endpoints are used.", choice("google", "microsoft", "custom"))
    flow: str = setting(
        "device_code",
        "How consent is given. Google takes only `authorization_code`.",
        choice("device_code", "authorization_code", "client_credentials"),
    )
    client_id: str = setting("", "Identifier of the application.", TEXT)
    client_secret: str = setting("", "Its secret.", TEXT, secret=True)
    tenant: str = setting("", "Microsoft's tenant.", TEXT)
    scope: str = setting("", "Scopes asked for; empty: those for mail.", TEXT)
    authorize_url: str = setting("", "Where consent is given; `custom` only.", optional(URL))
    token_url: str = setting("", "Where tokens are given; `custom` only.", optional(URL))
    device_url: str = setting("", "Where device codes are given; `custom` only.", optional(URL))
    ca_file: str = setting("", "Certificates (PEM) that are trusted instead of the system's.", optional(FILE))


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings:
    """The account at Twilio that calls come by."""

    account_sid: str = setting("", "Identifier of the account.", optional(IDENTIFIER), later="phone")
    auth_token: str = setting("", "Its secret, which also signs webhooks.", TEXT, secret=True, later="phone")
    auth_token_secondary: str = setting("", "A second one while tokens are changed.", TEXT, secret=True, later="phone")
    number: str = setting("", "The desk's number at Twilio.", optional(PHONE), later="phone")
    api_base: str = setting("https://api.twilio.com", "Where Twilio is; another in demo and tests.", URL, later="phone")
