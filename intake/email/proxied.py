"""Whom a proxy speaks for: the PROXY protocol, versions 1 and 2, before the first word of SMTP.

Promises: the source is what a good header names; a header that is none, or does not come in time, raises. Never: reads
a byte after the header, or answers one: whoever sends a bad header gets no greeting to learn from.
"""

import asyncio
from ipaddress import IPv4Address, IPv6Address

from aiosmtpd.proxy_protocol import V2_CMD, get_proxy

PROXY_TIMEOUT_S = 5.0
"""Longest wait for the header, which a proxy sends with the first packet."""


class ProxyHeaderUnfit(Exception):
    """A proxy sent no header, a bad one, or not in time; the text says which, in words of ours."""


async def proxied_source(reader: asyncio.StreamReader, proxy: str) -> str:
    """Return the address a proxy's header names.

    It is the proxy's own for connections that the proxy makes for itself (LOCAL, such as its health checks), and where
    the header says that it does not know (UNKNOWN, or a family that is no address). Raises ProxyHeaderUnfit.
    """
    try:
        async with asyncio.timeout(PROXY_TIMEOUT_S):
            header = await get_proxy(reader)
    except TimeoutError as error:
        raise ProxyHeaderUnfit("late") from error
    except (EOFError, ConnectionError) as error:
        raise ProxyHeaderUnfit("cut") from error
    if not header.valid:
        raise ProxyHeaderUnfit("malformed")
    if header.command == V2_CMD.LOCAL or not isinstance(header.src_addr, IPv4Address | IPv6Address):
        return proxy
    return str(header.src_addr)
