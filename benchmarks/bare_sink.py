"""What the house is measured by: aiosmtpd as it comes, taking mails and doing nothing with them.

Tells its port on standard output; ends when standard input ends.
"""

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class TakesAll:
    """A handler that keeps nothing."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        return "250 2.0.0 taken"


async def serve() -> None:
    """Take mail until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(TakesAll(), hostname="bare.example", loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while await questions.readline():
        pass
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
