// The class itself, and what its constructor takes: https://websockets.spec.whatwg.org/#the-websocket-interface
import assert from 'node:assert/strict'
import { closed, next, opened, type Test, throwsDom } from './room.ts'

const constants = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }
const readOnly = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol']
const writable = ['binaryType', 'onopen', 'onerror', 'onclose', 'onmessage']

/** Whoever it inherits the property from: the class under test may be a subclass. */
function descriptorOf(owner: object, name: string): PropertyDescriptor | undefined {
  for (let at = owner; at; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name)
    if (descriptor) return descriptor
  }
  return undefined
}

export const construction = {
  'the class must be called with new'({ WebSocket, server }) {
    assert.throws(() => (WebSocket as any)(server.url), TypeError)
  },
  'the constructor asks for a URL'({ WebSocket }) {
    assert.throws(() => new (WebSocket as any)(), TypeError)
  },
  'the constructor and the methods have the length of what they cannot do without'({ WebSocket }) {
    const { send, close } = WebSocket.prototype
    assert.deepEqual([WebSocket.length, send.length, close.length], [1, 1, 0])
  },
  'the class is named WebSocket, and so are its instances'({ WebSocket, dial }) {
    assert.equal(WebSocket.name, 'WebSocket')
    assert.equal(Object.prototype.toString.call(dial()), '[object WebSocket]')
  },
  'the constants are on the class, the prototype and every instance'({ WebSocket, dial }) {
    for (const [name, value] of Object.entries(constants)) {
      for (const owner of [WebSocket, WebSocket.prototype, dial()]) assert.equal((owner as any)[name], value, name)
    }
  },
  'the constants are enumerable, and neither writable nor configurable'({ WebSocket }) {
    for (const [name, value] of Object.entries(constants)) {
      for (const owner of [WebSocket, WebSocket.prototype]) {
        const expected = { value, enumerable: true, writable: false, configurable: false }
        assert.deepEqual(descriptorOf(owner, name), expected, name)
      }
    }
  },
  'the attributes are enumerable accessors of the prototype'({ WebSocket }) {
    for (const name of [...readOnly, ...writable]) {
      const { get, set, enumerable, configurable } = descriptorOf(WebSocket.prototype, name) ?? {}
      const found = { get: typeof get, set: typeof set, enumerable, configurable }
      const expected = { get: 'function', set: writable.includes(name) ? 'function' : 'undefined', enumerable: true, configurable: true }
      assert.deepEqual(found, expected, name)
    }
  },
  'the methods are enumerable, writable and configurable'({ WebSocket }) {
    for (const name of ['send', 'close']) {
      const { value, enumerable, writable, configurable } = descriptorOf(WebSocket.prototype, name) ?? {}
      const found = { type: typeof value, enumerable, writable, configurable }
      assert.deepEqual(found, { type: 'function', enumerable: true, writable: true, configurable: true }, name)
    }
  },
  'an instance owns nothing that is enumerable'({ dial }) {
    assert.deepEqual(Object.keys(dial()), [])
  },
  'a read-only attribute cannot be assigned'({ dial }) {
    const socket: any = dial()
    for (const name of [...readOnly, ...Object.keys(constants)]) assert.throws(() => (socket[name] = 7), TypeError, name)
  },
  'attributes and methods refuse to work on anything but a WebSocket'({ WebSocket }) {
    const prototype: any = WebSocket.prototype
    for (const name of [...readOnly, ...writable]) assert.throws(() => prototype[name], TypeError, name)
    for (const name of ['send', 'close']) assert.throws(() => prototype[name].call({}, 'x'), TypeError, name)
  },
  'a WebSocket is an EventTarget'({ dial }) {
    assert.ok(dial() instanceof EventTarget)
  },
  'the class inherits from EventTarget'({ WebSocket }) {
    assert.ok(Object.prototype.isPrototypeOf.call(EventTarget, WebSocket))
  },
  async 'a subclass works like the class'({ WebSocket, keep, server }) {
    class Chat extends WebSocket {
      say(): void {
        this.send('hello')
      }
    }
    const chat = keep(new Chat(`${server.url}/echo`))
    await opened(chat)
    chat.say()
    assert.equal((await next(chat, 'message')).data, 'hello')
    assert.ok(chat instanceof Chat && chat instanceof WebSocket)
  },
  'a new socket is connecting, and empty otherwise'({ dial }) {
    const { readyState, protocol, extensions, bufferedAmount, binaryType } = dial()
    const expected = { readyState: 0, protocol: '', extensions: '', bufferedAmount: 0, binaryType: 'blob' }
    assert.deepEqual({ readyState, protocol, extensions, bufferedAmount, binaryType }, expected)
  },

  // URLs
  'url is the URL as the parser serialises it'({ WebSocket, keep, server: { port } }) {
    const given = `WS://LocalHost:${port}/a b/../%7Ec/ü?q=ü&r="`
    assert.equal(keep(new WebSocket(given)).url, `ws://localhost:${port}/%7Ec/%C3%BC?q=%C3%BC&r=%22`)
    assert.equal(keep(new WebSocket(`ws://127.0.0.1:${port}`)).url, `ws://127.0.0.1:${port}/`)
    assert.equal(keep(new WebSocket(`  ws://127.0.0.1:${port}/\n`)).url, `ws://127.0.0.1:${port}/`)
  },
  'url leaves the default port out'({ WebSocket }) {
    for (const [given, expected] of [
      ['ws://127.0.0.1:80/', 'ws://127.0.0.1/'],
      ['wss://127.0.0.1:443/', 'wss://127.0.0.1/'],
    ] as const) {
      const socket = new WebSocket(given)
      socket.close()
      assert.equal(socket.url, expected)
    }
  },
  async 'a URL object is taken as well as a string'({ WebSocket, keep, server }) {
    const socket = keep(new WebSocket(new URL(`${server.url}/there`)))
    await opened(socket)
    assert.equal(socket.url, `${server.url}/there`)
  },
  async 'anything else is converted to a string'({ WebSocket, keep, server }) {
    const socket = keep(new WebSocket({ toString: () => `${server.url}/there` } as any))
    assert.equal(socket.url, `${server.url}/there`)
    await opened(socket)
  },
  async 'http becomes ws'({ WebSocket, keep, server: { port } }) {
    const socket = keep(new WebSocket(`http://127.0.0.1:${port}/`))
    assert.equal(socket.url, `ws://127.0.0.1:${port}/`)
    await opened(socket)
  },
  'https becomes wss'({ WebSocket, keep, server: { port } }) {
    assert.equal(keep(new WebSocket(`https://127.0.0.1:${port}/`)).url, `wss://127.0.0.1:${port}/`)
  },
  'another scheme is a SyntaxError'({ WebSocket }) {
    for (const url of ['ftp://localhost/', 'mailto:a@b', 'about:blank', 'file:///x', 'data:,x', 'wsx://localhost/']) {
      throwsDom(() => new WebSocket(url), 'SyntaxError')
    }
  },
  'a URL that cannot be parsed is a SyntaxError'({ WebSocket }) {
    for (const url of ['ws://', 'ws://a b/', 'ws://localhost:99999/', 'ws://[::', 'http://']) {
      throwsDom(() => new WebSocket(url), 'SyntaxError')
    }
  },
  'a fragment is a SyntaxError, the empty one too'({ WebSocket, server }) {
    for (const fragment of ['#', '#part', '?q#']) throwsDom(() => new WebSocket(`${server.url}/${fragment}`), 'SyntaxError')
  },
  'a relative URL is a SyntaxError where there is no base URL'({ WebSocket }) {
    assert.equal('location' in globalThis, false, 'this runtime has a base URL: run the suite without it')
    for (const url of ['/there', 'there', '//127.0.0.1/', '', '?q']) throwsDom(() => new WebSocket(url), 'SyntaxError')
  },
  'a relative URL is resolved against the location of the page'({ WebSocket, keep, server: { port } }) {
    Object.defineProperty(globalThis, 'location', { value: new URL(`http://127.0.0.1:${port}/dir/page?q#part`), configurable: true })
    try {
      assert.equal(keep(new WebSocket('/there')).url, `ws://127.0.0.1:${port}/there`)
      assert.equal(keep(new WebSocket('there?r')).url, `ws://127.0.0.1:${port}/dir/there?r`)
      assert.equal(keep(new WebSocket(`//localhost:${port}`)).url, `ws://localhost:${port}/`)
    } finally {
      delete (globalThis as any).location
    }
  },
  async 'path and query reach the server, encoded'({ dial, server }) {
    dial('/a b/ü?q=1&r=%20')
    assert.equal((await server.accept()).request.url, '/a%20b/%C3%BC?q=1&r=%20')
  },
  async 'the handshake is one of version 13 with a fresh key of 16 bytes'({ dial, server }) {
    const keys = new Set<string>()
    for (const path of ['/', '/']) {
      dial(path)
      const { method, headers } = (await server.accept()).request
      assert.equal(method, 'GET')
      assert.equal(headers.upgrade?.toLowerCase(), 'websocket')
      assert.equal(headers['sec-websocket-version'], '13')
      assert.equal(headers['sec-websocket-protocol'], undefined)
      const key = headers['sec-websocket-key'] ?? ''
      assert.equal(Buffer.from(key, 'base64').length, 16)
      keys.add(key)
    }
    assert.equal(keys.size, 2)
  },
  async 'credentials in the URL stay in url, and are sent'({ WebSocket, keep, server }) {
    const socket = keep(new WebSocket(`ws://user:secret@127.0.0.1:${server.port}/`))
    assert.equal(socket.url, `ws://user:secret@127.0.0.1:${server.port}/`)
    const { headers } = (await server.accept()).request
    assert.equal(headers.authorization, `Basic ${Buffer.from('user:secret').toString('base64')}`)
  },

  // Subprotocols
  async 'a subprotocol is offered and agreed on'({ open }) {
    const { socket, peer } = await open('/', 'chat')
    assert.equal(peer.request.headers['sec-websocket-protocol'], 'chat')
    assert.equal(socket.protocol, 'chat')
  },
  async 'subprotocols are offered in order, and the server chooses one'({ dial, server }) {
    const socket = dial('/raw', ['first', 'second', 'third'])
    const raw = await server.acceptRaw()
    assert.equal(raw.request.headers['sec-websocket-protocol']?.replaceAll(' ', ''), 'first,second,third')
    raw.answer({ 'Sec-WebSocket-Protocol': 'second' })
    await opened(socket)
    assert.equal(socket.protocol, 'second')
  },
  async 'an empty list of subprotocols offers none'({ open }) {
    const { socket, peer } = await open('/', [])
    assert.equal(peer.request.headers['sec-websocket-protocol'], undefined)
    assert.equal(socket.protocol, '')
  },
  async 'any iterable of subprotocols will do, and its elements become strings'({ WebSocket, keep, server }) {
    keep(new WebSocket(server.url, new Set(['a', 7]) as any))
    assert.equal((await server.accept()).request.headers['sec-websocket-protocol']?.replaceAll(' ', ''), 'a,7')
  },
  'a subprotocol named twice is a SyntaxError'({ WebSocket, server }) {
    throwsDom(() => new WebSocket(server.url, ['a', 'b', 'a']), 'SyntaxError')
  },
  'a subprotocol that is no token is a SyntaxError'({ WebSocket, server }) {
    for (const bad of [
      '',
      ' ',
      'a b',
      'a,b',
      'a;b',
      'a"',
      'a/b',
      'a:b',
      '(a)',
      '<a>',
      '[a]',
      '{a}',
      'a=b',
      'a?',
      'a@b',
      'a\\b',
      '\t',
      '\x7f',
      'ü',
    ]) {
      throwsDom(() => new WebSocket(server.url, bad), 'SyntaxError')
      throwsDom(() => new WebSocket(server.url, ['good', bad]), 'SyntaxError')
    }
  },
  'every character of a token is allowed in a subprotocol'({ dial }) {
    dial('/', "!#$%&'*+-.^_`|~09azAZ")
  },
  'the URL is looked at before the subprotocols'({ WebSocket }) {
    throwsDom(() => new WebSocket('nonsense', ['a', 'a']), 'SyntaxError')
    assert.throws(() => new WebSocket('ws://', { [Symbol.iterator]: () => assert.fail() } as any))
  },

  // The life of a socket
  async 'readyState goes from CONNECTING by OPEN and CLOSING to CLOSED'({ dial }) {
    const socket = dial()
    const states = [socket.readyState]
    await opened(socket)
    states.push(socket.readyState)
    const isClosed = closed(socket)
    socket.close()
    states.push(socket.readyState)
    await isClosed
    states.push(socket.readyState)
    assert.deepEqual(states, [0, 1, 2, 3])
  },
  async 'nothing happens before the code that made the socket has run, its microtasks included'({ dial }) {
    const socket = dial()
    for (let turn = 0; turn < 100; turn++) await null
    assert.equal(socket.readyState, 0)
    await opened(socket)
  },
  async 'extensions is what the server granted'({ open }) {
    const { socket, peer } = await open('/deflate')
    const granted = peer.socket.extensions ? /permessage-deflate/ : /^$/
    assert.match(socket.extensions, granted)
  },
  async 'extensions is empty when the server granted none'({ open }) {
    assert.equal((await open()).socket.extensions, '')
  },
  async 'url and protocol are kept after the end'({ open, server }) {
    const { socket } = await open('/there', 'chat')
    socket.close()
    await closed(socket)
    assert.deepEqual([socket.url, socket.protocol, socket.extensions], [`${server.url}/there`, 'chat', ''])
  },
} satisfies Record<string, Test>
