// The WHATWG WebSockets standard, for the strict class with sessions. The servers of the suite speak none: between them and the socket stands a
// bridge that does, so that each message and each end crosses a session.

import { after } from 'node:test'
import { WebSocket } from 'holdfast'
import { failure } from '../conformance/failure.ts'
import { type Differences, describeWebSocket } from '../conformance/websocket.ts'
import { openBridge } from './bridge.ts'

const bridge = await openBridge()
after(() => bridge[Symbol.asyncDispose]())

/** What the suite's server does to an open connection, by which the bridge ends the session. */
const isLoss = (name: string): boolean => /TCP connection|before the loss|protocol error|answered with 1007/.test(name)
const saysWhy =
  'a session that is lost says why: the reason of the close event is session-lost:abandoned, where the standard leaves it empty'
const losses: Differences = Object.fromEntries(
  Object.keys(failure)
    .filter(isLoss)
    .map((name) => [name, saysWhy]),
)

const ownAnswer =
  'the other end of the session answers a close itself, at once and with the same code; the server behind it is not waited for'

describeWebSocket('the WebSocket of holdfast, with sessions', {
  WebSocket: WebSocket.with({ resume: true, wsOptions: { createConnection: bridge.createConnection } }),
  differences: {
    ...losses,
    'the class inherits from EventTarget':
      'its prototype does, so instanceof holds; the class itself does not run the constructor of EventTarget',
    'an event that was dispatched can be dispatched again elsewhere': 'our events carry their target, which another EventTarget cannot set',
    'every message is a task of its own, with microtasks run in between':
      'the transport hands over all messages of a packet in one task; wsOptions: { allowSynchronousEvents: false } separates them',
    'a message that comes while CLOSING is not dispatched': ownAnswer,
    'after close() in a message handler the messages behind it are not dispatched': ownAnswer,
    'a socket is CLOSING until the server has answered': ownAnswer,
    'the event has the code that the server answered with': ownAnswer,
    'the event has 1005 when the server answers without a code': ownAnswer,
    'a TCP connection that ends before the server has answered is not clean': ownAnswer,
    'a Close frame of the server and one of the client may cross': 'the bridge has answered the server before it hears of the client',
    'after close() while CONNECTING an answer of the server opens nothing':
      'the session has begun behind the handshake by then, and waits for its client with its link to the server of the suite',
  },
})
