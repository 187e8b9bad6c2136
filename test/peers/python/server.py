"""A WebSocket server on python's websockets, with its own keepalive: a peer that knows nothing of holdfast.

The first line on standard output is {"port":…}; every further line is an event as JSON. It ends when its standard input does,
so that it never outlives the tests that started it.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import websockets

ids = itertools.count(1)


def report(**line):
    print(json.dumps(line), flush=True)


async def handle(socket):
    number = next(ids)
    report(event="connected", id=number, path=socket.path, protocol=socket.subprotocol or "")
    try:
        await serve_path(socket)
    except websockets.ConnectionClosed as error:
        sent = error.sent
        if sent is not None and sent.code == 1011 and sent.reason == "keepalive ping timeout":
            report(event="keepalive timeout", id=number)
    await socket.wait_closed()
    report(event="closed", id=number, code=socket.close_code, reason=socket.close_reason)


async def serve_path(socket):
    url = urlsplit(socket.path)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    if url.path == "/echo":
        while True:
            await socket.send(await socket.recv())
    elif url.path == "/close":
        await asyncio.sleep(milliseconds(query.get("after", "0ms")) / 1000)
        await socket.close(int(query.get("code", "1000")), query.get("reason", ""))
    else:
        await socket.close(4404, "unknown path")


def milliseconds(text):
    for unit, factor in (("ms", 1), ("s", 1000), ("m", 60_000)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text)


def seconds(text):
    return None if text == "none" else float(text)


async def report_attempt(path, _headers):
    report(event="attempt", path=path)


def end_with_standard_input():
    while sys.stdin.buffer.read(65_536):
        pass
    os._exit(0)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ping-interval", type=seconds, default=20, help="seconds, or none")
    parser.add_argument("--ping-timeout", type=seconds, default=20, help="seconds, or none")
    options = parser.parse_args()
    server = await websockets.serve(
        handle,
        options.host,
        options.port,
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
        process_request=report_attempt,
    )
    report(port=server.sockets[0].getsockname()[1])
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    await asyncio.Future()


asyncio.run(main())
