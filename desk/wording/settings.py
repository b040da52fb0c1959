"""The settings that only show in what users read: tutorials and the privacy notice."""

from dataclasses import dataclass

from desk.base.kinds import LANGUAGE, LINK, NAME, TEXT, list_of, optional
from desk.base.setting import required, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TutorialSettings:
    """Tutorials that an acknowledgement names where they fit the question (process section 6)."""

    title: str = required("Title, as users read it.", NAME)
    url: str = required("Where it is.", LINK)
    topics: tuple[str, ...] = setting([], "Words of a question that this tutorial answers.", list_of(NAME))
    language: str = setting("", "Language it is in; empty: that of the desk.", optional(LANGUAGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """The privacy notice that the law asks for."""

    notice_url: str = setting("", "Where the notice is; every acknowledgement names it.", optional(LINK))
    version: str = setting("", "Version of the notice, kept with each acknowledgement.", TEXT)
