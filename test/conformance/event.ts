// What is dispatched, how, and to whom: https://dom.spec.whatwg.org/#events and the feedback section of the WebSockets standard.
import assert from 'node:assert/strict'
import { closed, journal, next, opened, type Room, type Test } from './room.ts'
import { frame } from './server.ts'

/** What a listener throws is reported to the process, as an uncaught exception. Collects what is reported until `enough` have been. */
async function reported(enough: number, run: () => void | Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = []
  const isEnough = new Promise<void>((resolve) => {
    process.setUncaughtExceptionCaptureCallback((error) => {
      if (errors.push(error) === enough) resolve()
    })
  })
  try {
    await run()
    await isEnough
  } finally {
    process.setUncaughtExceptionCaptureCallback(null)
  }
  return errors
}

/** One event of each kind, as an echo connection brings them. */
async function oneOfEach({ dial }: Room): Promise<{ socket: WebSocket; open: Event; message: MessageEvent; close: CloseEvent }> {
  const socket = dial('/echo')
  const open = await opened(socket)
  socket.send('hello')
  const message = await next(socket, 'message')
  socket.close(3000, 'bye')
  return { socket, open, message, close: await closed(socket) }
}

const hop = (): Event => new Event('hop')

export const event = {
  // The events
  async 'open is an Event'(room) {
    const { open, socket } = await oneOfEach(room)
    assert.ok(open instanceof Event)
    const { type, target, bubbles, cancelable, defaultPrevented, composed } = open
    const expected = { type: 'open', target: socket, bubbles: false, cancelable: false, defaultPrevented: false, composed: false }
    assert.deepEqual({ type, target, bubbles, cancelable, defaultPrevented, composed }, expected)
  },
  async 'message is a MessageEvent'(room) {
    const { message, socket } = await oneOfEach(room)
    assert.ok(message instanceof Event && message instanceof MessageEvent)
    const { type, target, bubbles, cancelable, data, lastEventId, source } = message
    const expected = { type: 'message', target: socket, bubbles: false, cancelable: false, data: 'hello', lastEventId: '', source: null }
    assert.deepEqual({ type, target, bubbles, cancelable, data, lastEventId, source }, expected)
    assert.deepEqual([...message.ports], [])
  },
  async 'the origin of a message is that of the URL'(room) {
    assert.equal((await oneOfEach(room)).message.origin, room.server.url)
  },
  async 'close is a CloseEvent'(room) {
    const { close, socket } = await oneOfEach(room)
    assert.ok(close instanceof Event)
    if ('CloseEvent' in globalThis) assert.ok(close instanceof CloseEvent)
    const { type, target, bubbles, cancelable, code, reason, wasClean } = close
    const expected = { type: 'close', target: socket, bubbles: false, cancelable: false, code: 3000, reason: 'bye', wasClean: true }
    assert.deepEqual({ type, target, bubbles, cancelable, code, reason, wasClean }, expected)
  },
  async 'error is an Event'({ dial, server }) {
    const socket = dial('/raw')
    const error = next(socket, 'error')
    ;(await server.acceptRaw()).socket.destroy()
    const { type, target, bubbles, cancelable } = await error
    assert.ok((await error) instanceof Event)
    assert.deepEqual({ type, target, bubbles, cancelable }, { type: 'error', target: socket, bubbles: false, cancelable: false })
  },
  async 'every event has a time stamp, none before the last'(room) {
    const { open, message, close } = await oneOfEach(room)
    const stamps = [open.timeStamp, message.timeStamp, close.timeStamp]
    for (const stamp of stamps) assert.ok(Number.isFinite(stamp) && stamp > 0, `${stamp}`)
    assert.deepEqual(
      [...stamps].sort((a, b) => a - b),
      stamps,
    )
  },
  async 'currentTarget, eventPhase and composedPath are of the dispatch; target outlives it'({ dial }) {
    const socket = dial('/echo')
    const seen: unknown[] = []
    let message: MessageEvent | undefined
    socket.addEventListener('open', () => socket.send('hello'))
    const isDone = new Promise<void>((resolve) => {
      socket.addEventListener('message', (event) => {
        message = event
        seen.push(event.target, event.currentTarget, event.eventPhase, ...event.composedPath())
        resolve()
      })
    })
    await isDone
    await null
    assert.deepEqual(
      seen.map((value) => (value === socket ? 'socket' : value)),
      ['socket', 'socket', 2, 'socket'],
    )
    assert.ok(message)
    assert.equal(message.target, socket)
    assert.deepEqual([message.currentTarget, message.eventPhase, message.composedPath()], [null, 0, []])
  },
  async 'preventDefault does nothing to an event of a socket'({ dial }) {
    const socket = dial()
    const prevented = new Promise((resolve) => {
      socket.addEventListener('open', (event) => {
        event.preventDefault()
        resolve(event.defaultPrevented)
      })
    })
    assert.equal(await prevented, false)
  },
  async 'an event can be made again from its own class, type and fields'(room) {
    for (const event of Object.values(await oneOfEach(room))) {
      if (!(event instanceof Event)) continue
      const again = new (event.constructor as any)(event.type, event)
      assert.ok(again instanceof Event)
      assert.equal(again.type, event.type)
      for (const name of ['data', 'origin', 'code', 'reason', 'wasClean']) assert.equal((again as any)[name], (event as any)[name], name)
    }
  },
  async 'an event that was dispatched can be dispatched again elsewhere'(room) {
    for (const event of Object.values(await oneOfEach(room))) {
      if (!(event instanceof Event)) continue
      const elsewhere = new EventTarget()
      const targets: unknown[] = []
      elsewhere.addEventListener(event.type, (again) => targets.push(again === event, again.target === elsewhere))
      elsewhere.dispatchEvent(event)
      assert.deepEqual(targets, [true, true], event.type)
    }
  },
  async 'an event that is being dispatched cannot be dispatched'({ dial }) {
    const socket = dial()
    const attempt = new Promise<unknown>((resolve) => {
      socket.addEventListener('open', (event) => {
        try {
          resolve(socket.dispatchEvent(event))
        } catch (error) {
          resolve(error)
        }
      })
    })
    const error = await attempt
    assert.ok(error instanceof DOMException && error.name === 'InvalidStateError', `${error}`)
  },

  // Handlers: onopen, onmessage, onerror, onclose
  'handlers are null at first'({ dial }) {
    const { onopen, onmessage, onerror, onclose } = dial()
    assert.deepEqual({ onopen, onmessage, onerror, onclose }, { onopen: null, onmessage: null, onerror: null, onclose: null })
  },
  'a handler is kept as it was set, and null takes it away'({ dial }) {
    const socket: any = dial()
    for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) {
      const handler = (): void => {}
      socket[name] = handler
      assert.equal(socket[name], handler)
      socket[name] = null
      assert.equal(socket[name], null)
    }
  },
  'a handler that is no object becomes null'({ dial }) {
    const socket: any = dial()
    for (const value of [undefined, 0, 7, '', 'alert(1)', true, Symbol('x')]) {
      socket.onmessage = () => {}
      socket.onmessage = value
      assert.equal(socket.onmessage, null, String(value))
    }
  },
  'handleEvent of an object that is set as a handler is not called'({ dial }) {
    const socket: any = dial()
    socket.onmessage = { handleEvent: () => assert.fail('called') }
    socket.dispatchEvent(new MessageEvent('message'))
  },
  async 'handlers are called with the socket as this and the event'({ dial }) {
    const socket = dial('/echo')
    const calls: string[] = []
    const isDone = new Promise<void>((resolve) => {
      for (const name of ['onopen', 'onmessage', 'onclose'] as const) {
        socket[name] = function (this: unknown, ...args: any[]) {
          calls.push(`${name} ${this === socket} ${args.length} ${args[0].type}`)
          if (name === 'onopen') socket.send('hello')
          else if (name === 'onmessage') socket.close()
          else resolve()
        }
      }
    })
    await isDone
    assert.deepEqual(calls, ['onopen true 1 open', 'onmessage true 1 message', 'onclose true 1 close'])
  },
  'a handler is called where it was set among the listeners'({ dial }) {
    const socket = dial()
    const calls: string[] = []
    socket.addEventListener('message', () => calls.push('before'))
    socket.onmessage = () => calls.push('handler')
    socket.addEventListener('message', () => calls.push('after'))
    socket.dispatchEvent(new MessageEvent('message'))
    assert.deepEqual(calls, ['before', 'handler', 'after'])
  },
  'a handler that replaces another keeps its place'({ dial }) {
    const socket = dial()
    const calls: string[] = []
    socket.onmessage = () => calls.push('first')
    socket.addEventListener('message', () => calls.push('listener'))
    socket.onmessage = () => calls.push('second')
    socket.dispatchEvent(new MessageEvent('message'))
    assert.deepEqual(calls, ['second', 'listener'])
  },
  'a handler that was null in between takes the last place'({ dial }) {
    const socket = dial()
    const calls: string[] = []
    socket.onmessage = () => calls.push('first')
    socket.addEventListener('message', () => calls.push('listener'))
    socket.onmessage = null
    socket.onmessage = () => calls.push('second')
    socket.dispatchEvent(new MessageEvent('message'))
    assert.deepEqual(calls, ['listener', 'second'])
  },
  'a function can be a handler and a listener at once'({ dial }) {
    const socket = dial()
    let calls = 0
    const both = (): void => {
      calls++
    }
    socket.onmessage = both
    socket.addEventListener('message', both)
    socket.dispatchEvent(new MessageEvent('message'))
    assert.equal(calls, 2)
    socket.removeEventListener('message', both)
    socket.dispatchEvent(new MessageEvent('message'))
    assert.equal(calls, 3)
  },
  'a handler that returns false does not cancel the event'({ dial }) {
    const socket = dial()
    socket.onmessage = () => true
    assert.equal(socket.dispatchEvent(new MessageEvent('message')), true)
  },
  'a handler may return false to cancel what can be cancelled'({ dial }) {
    const socket = dial()
    socket.onmessage = () => false
    assert.equal(socket.dispatchEvent(new MessageEvent('message', { cancelable: true })), false)
  },

  // Listeners
  'listeners are called in the order in which they were added, with the socket as this'({ dial }) {
    const socket = dial()
    const calls: unknown[] = []
    for (const name of ['one', 'two', 'three']) {
      socket.addEventListener('hop', function (this: unknown) {
        calls.push(name, this === socket)
      })
    }
    socket.dispatchEvent(hop())
    assert.deepEqual(calls, ['one', true, 'two', true, 'three', true])
  },
  'a listener may be an object with handleEvent, looked up at each event'({ dial }) {
    const socket = dial()
    const calls: unknown[] = []
    const listener = { handleEvent: (): unknown => assert.fail('the one before') }
    socket.addEventListener('hop', listener)
    listener.handleEvent = function (this: unknown) {
      return calls.push(this === listener)
    }
    socket.dispatchEvent(hop())
    assert.deepEqual(calls, [true])
  },
  'a listener of null is ignored'({ dial }) {
    const socket = dial()
    socket.addEventListener('hop', null as any)
    socket.removeEventListener('hop', null as any)
    assert.equal(socket.dispatchEvent(hop()), true)
  },
  'a listener that was added twice is called once'({ dial }) {
    const socket = dial()
    let calls = 0
    const listener = (): void => {
      calls++
    }
    socket.addEventListener('hop', listener)
    socket.addEventListener('hop', listener, { once: true })
    socket.dispatchEvent(hop())
    socket.dispatchEvent(hop())
    assert.equal(calls, 2)
  },
  'a capturing listener is another listener'({ dial }) {
    const socket = dial()
    let calls = 0
    const listener = (): void => {
      calls++
    }
    socket.addEventListener('hop', listener)
    socket.addEventListener('hop', listener, true)
    socket.dispatchEvent(hop())
    assert.equal(calls, 2)
    socket.removeEventListener('hop', listener, { capture: true })
    socket.dispatchEvent(hop())
    assert.equal(calls, 3)
  },
  'a listener with once is called once, even if it dispatches again'({ dial }) {
    const socket = dial()
    let calls = 0
    const again = (): void => {
      calls++
      socket.dispatchEvent(hop())
    }
    socket.addEventListener('hop', again, { once: true })
    socket.dispatchEvent(hop())
    assert.equal(calls, 1)
  },
  'a listener goes away when its signal aborts'({ dial }) {
    const socket = dial()
    let calls = 0
    const controller = new AbortController()
    socket.addEventListener('hop', () => calls++, { signal: controller.signal })
    socket.dispatchEvent(hop())
    controller.abort()
    socket.dispatchEvent(hop())
    socket.addEventListener('hop', () => calls++, { signal: controller.signal })
    socket.dispatchEvent(hop())
    assert.equal(calls, 1)
  },
  'a passive listener cannot cancel'({ dial }) {
    const socket = dial()
    socket.addEventListener('hop', (event) => event.preventDefault(), { passive: true })
    assert.equal(socket.dispatchEvent(new Event('hop', { cancelable: true })), true)
  },
  'a listener that is removed during the dispatch is not called'({ dial }) {
    const socket = dial()
    const second = (): void => assert.fail('called')
    socket.addEventListener('hop', () => socket.removeEventListener('hop', second))
    socket.addEventListener('hop', second)
    socket.dispatchEvent(hop())
  },
  'a listener that is added during the dispatch waits for the next event'({ dial }) {
    const socket = dial()
    const calls: string[] = []
    socket.addEventListener('hop', () => socket.addEventListener('hop', () => calls.push('added')), { once: true })
    socket.dispatchEvent(hop())
    assert.deepEqual(calls, [])
    socket.dispatchEvent(hop())
    assert.deepEqual(calls, ['added'])
  },
  'stopImmediatePropagation keeps the event from the listeners that follow'({ dial }) {
    const socket = dial()
    const calls: string[] = []
    socket.addEventListener('message', (event) => {
      calls.push('first')
      event.stopPropagation()
    })
    socket.addEventListener('message', (event) => {
      calls.push('second')
      event.stopImmediatePropagation()
    })
    socket.onmessage = () => calls.push('handler')
    socket.dispatchEvent(new MessageEvent('message'))
    assert.deepEqual(calls, ['first', 'second'])
  },
  async 'a listener that throws stops no other, and what it threw is reported'({ open }) {
    const { socket, peer } = await open()
    const calls: unknown[] = []
    const errors = await reported(2, async () => {
      socket.onmessage = () => {
        throw new Error('of the handler')
      }
      socket.addEventListener('message', () => {
        throw new Error('of the listener')
      })
      socket.addEventListener('message', ({ data }) => calls.push(data))
      peer.send('hello')
      await next(socket, 'message')
    })
    assert.deepEqual(
      errors.map((error) => (error as Error).message),
      ['of the handler', 'of the listener'],
    )
    assert.deepEqual(calls, ['hello'])
  },
  async 'a connection outlives a listener that throws'({ open, server }) {
    const { socket, peer } = await open()
    const lines = journal(socket)
    await reported(3, async () => {
      socket.onmessage = () => {
        throw new Error('each time')
      }
      for (const text of ['one', 'two', 'three']) peer.send(text)
    })
    await server.settle()
    assert.deepEqual(lines, ['message 1 one', 'message 1 two', 'message 1 three'])
  },

  // Events of the application's own
  'an event of the application is dispatched at once, with the socket as its target'({ dial }) {
    const socket = dial()
    const event = hop()
    const seen: unknown[] = []
    socket.addEventListener('hop', (got) => seen.push(got === event, got.target === socket, got.isTrusted))
    assert.equal(socket.dispatchEvent(event), true)
    assert.deepEqual(seen, [true, true, false])
  },
  'dispatchEvent tells whether the event was cancelled'({ dial }) {
    const socket = dial()
    socket.addEventListener('hop', (event) => event.preventDefault())
    assert.equal(socket.dispatchEvent(new Event('hop', { cancelable: true })), false)
    assert.equal(socket.dispatchEvent(hop()), true)
  },
  'an event of the application reaches the handler of its type, and changes nothing'({ dial }) {
    const socket = dial()
    const calls: unknown[] = []
    socket.onmessage = ({ data }) => calls.push(data)
    socket.onclose = ({ code }) => calls.push(code)
    socket.dispatchEvent(new MessageEvent('message', { data: 7 }))
    socket.dispatchEvent(Object.assign(new Event('close'), { code: 4999 }))
    assert.deepEqual(calls, [7, 4999])
    assert.equal(socket.readyState, 0)
  },
  'what is no event cannot be dispatched'({ dial }) {
    const socket = dial()
    for (const value of [undefined, null, {}, 'message', { type: 'message' }])
      assert.throws(() => socket.dispatchEvent(value as any), TypeError)
  },

  // When
  async 'listeners that are added in the turn of the construction miss nothing'({ dial }) {
    const socket = dial('/echo')
    const lines = journal(socket)
    socket.onopen = () => socket.send('hello')
    socket.onmessage = () => socket.close()
    await closed(socket)
    assert.deepEqual(lines, ['open 1', 'message 1 hello', 'close 3 1005'])
  },
  async 'send and close dispatch nothing before they return'({ open, WebSocket, keep, server }) {
    const { socket } = await open('/echo')
    const lines = journal(socket)
    socket.send('hello')
    socket.close()
    const connecting = keep(new WebSocket(server.url))
    const others = journal(connecting)
    connecting.close()
    assert.deepEqual([lines, others], [[], []])
  },
  async 'close dispatches nothing before the code that called it has run, its microtasks included'({ open, dial }) {
    const { socket } = await open()
    const connecting = dial()
    const lines = [journal(socket), journal(connecting)]
    const isClosed = [closed(socket), closed(connecting)]
    socket.close()
    connecting.close()
    for (let turn = 0; turn < 100; turn++) await null
    assert.deepEqual(lines, [[], []])
    await Promise.all(isClosed)
  },
  async 'messages are dispatched in the order in which they came'({ open }) {
    const { socket, peer } = await open()
    const seen: string[] = []
    const isDone = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        if (seen.push(data) === 100) resolve()
      }
    })
    const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`)
    for (const text of sent) peer.send(text)
    await isDone
    assert.deepEqual(seen, sent)
  },
  async 'every message is a task of its own, with microtasks run in between'({ openRaw }) {
    const { socket, raw } = await openRaw()
    const seen: string[] = []
    const isDone = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        seen.push(data)
        queueMicrotask(() => seen.push(`after ${data}`))
        if (data === 'three') setImmediate(resolve)
      }
    })
    raw.write(Buffer.concat(['one', 'two', 'three'].map((text) => frame(1, text))))
    await isDone
    assert.deepEqual(seen, ['one', 'after one', 'two', 'after two', 'three', 'after three'])
  },
  async 'nothing is dispatched after close'({ open, server }) {
    const { socket, peer } = await open()
    const lines = journal(socket)
    peer.send('hello')
    peer.socket.close(1000)
    await closed(socket)
    assert.throws(() => socket.close(1001))
    socket.close()
    socket.send('into the void')
    await server.settle()
    assert.deepEqual(lines, ['message 1 hello', 'close 3 1000'])
  },
  async 'a WebSocket nobody listens to works all the same'({ dial, server }) {
    const socket = dial()
    const peer = await server.accept()
    while (socket.readyState === 0) await server.settle()
    socket.send('hello')
    assert.equal(await peer.receiveText(), 'hello')
  },
} satisfies Record<string, Test>
