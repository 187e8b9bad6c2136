// The strict class, over both of the transports that it rides on in Node.
import { WebSocket } from 'holdfast'
import { describeWebSocket } from './websocket.ts'

// What dispatching without the platform's constructors costs (docs/decisions/0002-own-event-target.md).
const ownEvents = {
  'the class inherits from EventTarget':
    'its prototype does, so instanceof holds; the class itself does not run the constructor of EventTarget',
  'an event that was dispatched can be dispatched again elsewhere': 'our events carry their target, which another EventTarget cannot set',
  'every message is a task of its own, with microtasks run in between':
    'the transport hands over all messages of a packet in one task; wsOptions: { allowSynchronousEvents: false } separates them',
} as const

describeWebSocket('the WebSocket of holdfast, on ws', { WebSocket, differences: ownEvents })

describeWebSocket('the WebSocket of holdfast, on the WebSocket of Node', {
  WebSocket: WebSocket.with({ WebSocket: globalThis.WebSocket }),
  // What the class beneath leaves no way to make up for.
  differences: {
    ...ownEvents,
    'what was sent before close() arrives, Blobs too': 'the WebSocket of Node loses a Blob that it has not read when it is closed',
    'credentials in the URL stay in url, and are sent': 'the WebSocket of Node drops the credentials',
    'a byte order mark is part of a text message': 'the WebSocket of Node drops U+FEFF at the start of a text message',
    'Connection may name more than Upgrade': 'the WebSocket of Node compares the header as a whole',
  },
})
