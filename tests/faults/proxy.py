"""A tracking server that fails in the middle: a proxy of requests, run as a program of its own.

``python proxy.py PORT SERVER_PORT FILE``: the file says how many requests reach the server from
now on, and what happens to later ones (``pass``, ``silent``, ``500``, ``html``, ``cut``).
"""

import asyncio
import sys
from pathlib import Path

ANSWERS = {
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops",
    "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>hi</p>",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{",
}
STARTS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ")


class Proxy:
    """Counts requests since the file was last written."""

    def __init__(self, server: int, file: Path) -> None:
        self.server, self.file, self.seen = server, file, ""
        self.left, self.then = 0, "pass"

    def answer(self) -> str:
        """What happens to the next request."""
        if (said := self.file.read_text()) != self.seen:
            self.seen = said
            left, self.then, _ = said.split()
            self.left = int(left)
        self.left -= 1
        return "pass" if self.left >= 0 else self.then

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = await asyncio.open_connection("127.0.0.1", self.server)
        back = asyncio.create_task(self.copy(ours, writer))
        try:
            while data := await reader.read(2**16):
                what = self.answer() if data.startswith(STARTS) else "pass"
                if what == "silent":
                    await asyncio.sleep(300)
                elif what != "pass":
                    writer.write(ANSWERS[what])
                    await writer.drain()
                    break
                theirs.write(data)
                await theirs.drain()
        except OSError:
            pass
        finally:
            back.cancel()
            writer.close()
            theirs.close()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()


async def main(port: int, server: int, file: Path) -> None:
    proxy = Proxy(server, file)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", port) as listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
