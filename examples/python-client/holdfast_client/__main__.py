"""Sends every line of standard input as a message, and prints every message: `python3 -m holdfast_client ws://…`."""

import asyncio
import sys
import threading

from . import Client


def feed(client, loop):
    for line in open(0, encoding="utf-8", closefd=False):
        try:
            asyncio.run_coroutine_threadsafe(client.send(line.rstrip("\n")), loop).result()
        except ConnectionError:
            return
    asyncio.run_coroutine_threadsafe(client.close(), loop)


async def main(url):
    async with Client(url) as client:
        threading.Thread(target=feed, args=(client, asyncio.get_running_loop()), daemon=True).start()
        async for message in client:
            print(message if isinstance(message, str) else message.hex(), flush=True)
    end = client.ended.result()
    if not end.clean:
        print(f"ended with {end.code} {end.reason}, {len(end.unconfirmed)} messages unconfirmed", file=sys.stderr)
    return 0 if end.clean else 1


if len(sys.argv) != 2:
    sys.exit(__doc__)
sys.exit(asyncio.run(main(sys.argv[1])))
