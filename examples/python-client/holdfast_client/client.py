"""A session over real WebSockets: the shell of `Session` on asyncio and websockets."""

import asyncio
from math import inf

import websockets

from .session import Close, Delivered, Dial, Ended, Opened, Session, Write, size_of


class Connect(websockets.connect):
    MAX_REDIRECTS_ALLOWED = 1  # the first answer is the last: no HTTP redirect is followed


class Client:
    """`async with Client(url) as client`, then `await client.send(…)` and `async for message in client`."""

    def __init__(self, url, protocols=(), **options):
        self._session = Session(url, protocols, **options)
        self._loop = asyncio.get_running_loop()
        self._outgoing = {}  # of each link, the frames that are to be written and the close behind them
        self._tasks = set()
        self._timer = None
        self._inbox = asyncio.Queue()
        self._room = asyncio.Event()
        self.opened = self._loop.create_future()
        self.ended = self._loop.create_future()
        self._do(self._session.start)

    async def __aenter__(self):
        await asyncio.wait({self.opened, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def send(self, message):
        """Waits while the outbox is full, and not for the network."""
        while True:
            try:
                return self._do(self._session.send, message)
            except BufferError:
                self._room.clear()
                await self._room.wait()

    async def close(self, code=1000, reason=""):
        """Ends the session in order, and answers how it ended."""
        self._do(self._session.close, code, reason)
        end = await self.ended
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        return end

    async def __aiter__(self):
        while (message := await self._inbox.get()) is not None:
            yield message

    def _do(self, what, *args):
        """Tells the session something, does what it then wants done, and sets the timer anew."""
        now = self._loop.time() * 1000
        try:
            return what(now, *args)
        finally:
            self._room.set()
            while self._session.events:
                self._obey(self._session.events.popleft())
            if self._timer:
                self._timer.cancel()
            at = self._session.deadline
            self._timer = None if at == inf else self._loop.call_at(at / 1000, self._do, self._session.tick)

    def _obey(self, event):
        match event:
            case Dial(link):
                self._outgoing[link] = asyncio.Queue()
                self._spawn(self._run(event))
            case Write(link) | Close(link) if link in self._outgoing:
                self._outgoing[link].put_nowait(event)
            case Opened(proto):
                self.opened.set_result(proto)
            case Delivered(message):
                self._inbox.put_nowait(message)
            case Ended():
                self._inbox.put_nowait(None)
                self.ended.set_result(event)

    def _spawn(self, coroutine):
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, dial):
        """A link, from its dial to its end."""
        link, limit = dial.link, self._session.max
        options = {"max_size": None if limit is None else max(limit + 1, 4098), "write_limit": 4096, "max_queue": None}
        closed = 1006, ""
        try:
            socket = await Connect(
                dial.url, subprotocols=dial.offer, compression=None, ping_interval=None, close_timeout=1, **options
            )
            writer = self._spawn(self._write(socket, link))
            try:
                self._do(self._session.opened, link, socket.subprotocol)
                async for frame in socket:
                    self._do(self._session.received, link, frame)
            except websockets.ConnectionClosed:
                pass
            finally:
                writer.cancel()
                if socket.close_rcvd:
                    closed = socket.close_rcvd.code, socket.close_rcvd.reason
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
            pass  # it did not open
        del self._outgoing[link]
        self._do(self._session.closed, link, *closed)

    async def _write(self, socket, link):
        queue = self._outgoing[link]
        try:
            while isinstance(event := await queue.get(), Write):
                await socket.send(event.frame)
                self._do(self._session.left, link, size_of(event.frame))
            await socket.close(event.code, event.reason)
        except websockets.ConnectionClosed:
            pass
