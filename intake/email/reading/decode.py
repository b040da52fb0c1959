"""Turning bytes of a mail into text: charsets, encoded words, parameters of a header.

Never raises on bad input and never makes unstorable text: no NUL, no lone surrogate, no CR. Linear in its input.
Charsets: the declared one, then UTF-8 strictly, then Windows-1252.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from encodings.aliases import aliases
from functools import lru_cache
from itertools import islice

from desk.base.transfer import NOT_BASE64, decode_base64

HEADER_VALUE_MAX = 16 * 1024
"""Bytes of one header value that are decoded."""
WORDS_MAX = 1000
"""Encoded words of one header value that are decoded; later ones stay as they are."""
PARAMETERS_MAX = 60
"""Parameters of one header that are kept."""
NAME_MAX = 200
"""Characters of an attachment's name."""
WRONG_SHARE_MAX = 0.01
"""Share of characters a declared multi-byte charset may fail on before it counts as a lie."""

UTF8_LONGEST = 4
"""Bytes of the longest character in UTF-8."""

WHITE = b" \t\r\n\v\f"
CHUNK = 1 << 20
"""Bytes of a body handled at a time, so that measuring a big attachment needs little memory."""

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_PARAMETER = re.compile(r';[\s;]*([^\s=;"]{1,80})\s*=\s*("(?:\\.|[^"\\])*(?:"|\Z)|[^;]*)', re.DOTALL)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_QUOTED_PAIR = re.compile(r"\\([\"\\])")
# Other quoted pairs are left: they are the path of a Windows program that knew no better (`"C:\TEMP\a.png"`).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_COMMENT = re.compile(r"\s*\([^()]*\)")
_SECTION = re.compile(r"(.+?)\*(\d{1,3})?(\*)?\Z")

_ASCII_BASED = frozenset({"ascii", "utf_8", "cp1252", "latin_1"})
_NOT_ASCII_BASED = frozenset({"utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be", "utf_7", "hz"})
_NO_CHARSETS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs", "tactis"}
)
_TEXT_CODECS = frozenset(aliases.values()) - _NO_CHARSETS | {"utf_8_sig", "cp720", "cp874", "koi8_u", "mac_romanian"}
_WIDER = {  # what mailers declare, and the superset that they really write (WHATWG Encoding, section 4.2)
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859_9": "cp1254",
    "tis_620": "cp874",
    "iso8859_11": "cp874",
}
_OTHER_NAMES = {
    "x_unknown": "",
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "ks_c_5601_1987": "cp949",
    "x_gbk": "gb18030",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_1_windows_1252": "cp1252",
    "windows_874": "cp874",
    "x_mac_roman": "mac_roman",
    "macroman": "mac_roman",
    "x_macroman": "mac_roman",
    "cp_850": "cp850",
    "cp_437": "cp437",
    "ansi": "cp1252",
    "x_ansi": "cp1252",
    "utf": "utf_8",
    "unicode": "utf_8",
}


@lru_cache(maxsize=512)
def _codec(charset: str) -> str:
    """Return Python's name of a charset, empty for one that is unknown or none at all. It imports nothing unknown."""
    name = re.sub(r"[^a-z0-9]+", "_", charset.lower()[:40]).strip("_")
    name = _OTHER_NAMES.get(name, name)
    name = aliases.get(name, name)
    if name not in _TEXT_CODECS:
        name = aliases.get(name.replace("_", ""), "")
        if name not in _TEXT_CODECS:
            return ""
    name = _WIDER.get(name, name)
    try:
        codecs.lookup(name)
    except LookupError:
        return ""
    return name


def decode_charset(data: bytes, charset: str) -> str:
    """Return the text of bytes; what the declared charset cannot read is tried as UTF-8, then read as Windows-1252."""
    name = _codec(charset) if charset else ""
    if name not in _NOT_ASCII_BASED and data.isascii() and not name.startswith("iso2022"):
        return scrub(data.decode("ascii"))
    if name and name not in _ASCII_BASED:
        text = _declared(data, name)
        if text is not None:
            return scrub(text)
    try:
        return scrub(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return scrub(_nearly_utf8(data, error) or _windows(data))


def _declared(data: bytes, name: str) -> str | None:
    """Return the text in a declared charset; None when the declaration is a lie."""
    try:
        return data.decode(name)
    except (UnicodeError, ValueError):
        text = data.decode(name, "replace")
        return text if text.count("\ufffd") <= len(text) * WRONG_SHARE_MAX else None


def _nearly_utf8(data: bytes, error: UnicodeDecodeError) -> str:
    """Return text that is UTF-8 but for a character cut in two at its end, or a few bad bytes among many good."""
    if error.end >= len(data) and len(data) - error.start < UTF8_LONGEST:
        return data[: error.start].decode("utf-8")
    text = data.decode("utf-8", "replace")
    strange = sum(1 for character in islice(text, 20_000) if character > "\x7f")
    return text if 0 < text.count("\ufffd") * 20 <= strange else ""


def _windows(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def scrub(text: str) -> str:
    """Return text that can be stored: line ends are LF, NUL and lone surrogates are gone."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(text: str, limit: int) -> str:
    """Return text for a single-line field, cut to a limit: line ends, control, direction characters become a space."""
    return scrub(_CONTROL.sub(" ", text[: limit * 4])).strip()[:limit]


def base64_runs(view: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the base64 characters of a span in bounded chunks, everything else deleted: cheap to count and to hash."""
    for at in range(start, end, CHUNK):
        yield view[at : min(end, at + CHUNK)].translate(None, NOT_BASE64)


def header_text(value: bytes) -> str:
    """Return a raw header value as one unfolded line, encoded words untouched. Raw 8-bit is UTF-8 or Windows-1252."""
    value = value[:HEADER_VALUE_MAX]
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    text = value.decode("ascii") if value.isascii() else decode_charset(value, "")
    return text.strip()


def decode_header(value: bytes, limit: int) -> str:
    """Return an unstructured header value (RFC 2047) as one storable line of at most `limit` characters."""
    return one_line(decode_words(header_text(value)), limit)


def decode_words(text: str) -> str:
    """Return text with its encoded words decoded; words of one charset side by side are joined before that."""
    if "=?" not in text:
        return text
    out: list[str] = []
    run, charset, at = b"", "", 0
    for match in islice(_WORD.finditer(text), WORDS_MAX):
        between = text[at : match.start()]
        name = match[1].partition("*")[0].lower()
        if run and (name != charset or (between and not between.isspace())):
            out.append(decode_charset(run, charset))
            run = b""
        if between and not (charset and between.isspace()):
            out.append(between)
        charset, at = name, match.end()
        run += _word_bytes(match[2], match[3])
    if run:
        out.append(decode_charset(run, charset))
    out.append(text[at:])
    return "".join(out)


def _word_bytes(encoding: str, content: str) -> bytes:
    data = content.encode("utf-8", "replace")
    return decode_base64(data) if encoding in "bB" else binascii.a2b_qp(data, header=True)


def parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """Return the main value in lower case and the parameters of a field such as Content-Type (RFC 2045, 2231, 2047)."""
    return _short_parameters(bytes(value)) if len(value) < 120 else _parameters(value)  # noqa: PLR2004 - a cache key's size


@lru_cache(maxsize=256)
def _short_parameters(value: bytes) -> tuple[str, dict[str, str]]:
    return _parameters(value)


def _parameters(value: bytes) -> tuple[str, dict[str, str]]:
    text = header_text(value[: HEADER_VALUE_MAX // 4])
    main, semicolon, rest = text.partition(";")
    main = _COMMENT.sub("", main).strip().strip('"').lower()[:100]
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in islice(_PARAMETER.finditer(semicolon + rest), PARAMETERS_MAX):
        name, content = match[1].lower(), match[2]
        if content.startswith('"'):
            content = _QUOTED_PAIR.sub(r"\1", content[1:].removesuffix('"')) if "\\" in content else content.strip('"')
        else:
            content = content.strip()
        split = _SECTION.match(name) if "*" in name else None
        if split is None:
            plain.setdefault(name, content)
        else:
            sections.setdefault(split[1], {}).setdefault(int(split[2] or 0), (bool(split[3]) or not split[2], content))
    result = {name: one_line(decode_words(content), 1000) for name, content in plain.items()}
    for name, numbered in sections.items():
        result[name] = _joined_sections(numbered)
    return main, result


def _joined_sections(numbered: dict[int, tuple[bool, str]]) -> str:
    """Return a value that RFC 2231 split into numbered sections, some percent-encoded in the first one's charset."""
    charset, data = "", b""
    for number in sorted(numbered):
        encoded, content = numbered[number]
        if number == min(numbered) and encoded and content.count("'") >= 2:  # noqa: PLR2004 - charset'language'text
            charset, _, content = content.split("'", 2)
        piece = content.encode("utf-8", "replace")
        data += _PERCENT.sub(lambda m: bytes((int(m[1], 16),)), piece) if encoded else piece
    return one_line(decode_charset(data, charset), 1000)


def safe_name(name: str) -> str:
    """Return a file name without path, control characters or leading dots, cut with its ending kept."""
    name = one_line(re.split(r"[/\\]", name)[-1], 4 * NAME_MAX).lstrip(". ")
    if len(name) > NAME_MAX:
        stem, dot, ending = name.rpartition(".")
        name = stem[: NAME_MAX - 12] + dot + ending[:11] if dot and len(ending) <= 11 else name[:NAME_MAX]  # noqa: PLR2004
    return name
