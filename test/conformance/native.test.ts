// The platform's own class, as the measure of the suite itself, and as the record of what whoever rides on it has to make up for.
import { describeWebSocket } from './websocket.ts'

const noAmountAfterClose = 'what is sent after the end of a connection is not counted'
const closesAtOnce = 'close() while CONNECTING dispatches error and close before it returns'
const handlersAreListeners = 'a handler is added as an ordinary listener, last, and its return value is not looked at'

describeWebSocket('the WebSocket of Node', {
  WebSocket: globalThis.WebSocket,
  differences: {
    'a relative URL is resolved against the location of the page': 'Node has no pages, and undici a global origin of its own',
    'credentials in the URL stay in url, and are sent': 'the credentials are dropped without a word',
    'an event that is being dispatched cannot be dispatched': 'an Error with the code ERR_EVENT_RECURSION instead of a DOMException',
    'a handler that replaces another keeps its place': handlersAreListeners,
    'a function can be a handler and a listener at once': handlersAreListeners,
    'a handler may return false to cancel what can be cancelled': handlersAreListeners,
    'send and close dispatch nothing before they return': closesAtOnce,
    'close dispatches nothing before the code that called it has run, its microtasks included': closesAtOnce,
    'every message is a task of its own, with microtasks run in between': 'all messages of a packet are dispatched in one loop',
    'send while CLOSING does not throw, and adds to bufferedAmount': noAmountAfterClose,
    'send after a close while CONNECTING does not throw, and adds to bufferedAmount': noAmountAfterClose,
    'send while CLOSED does not throw, and adds to bufferedAmount': noAmountAfterClose,
    'bufferedAmount does not return to zero when the connection closes': noAmountAfterClose,
    'a binaryType that there is not is ignored': "what is neither becomes 'blob'",
    'a byte order mark is part of a text message': 'U+FEFF at the start of a text message is lost',
    'a code is converted to a number, and a fraction rounded to the nearest, half to even': 'odd numbers with a fraction are rounded up',
    'a BigInt is no code: a TypeError': 'it is converted like a number',
    'what was sent before close() arrives, Blobs too': 'the Close frame does not wait for a Blob that is being read, and overtakes it',
    'Connection may name more than Upgrade': 'the header is compared as a whole, so keep-alive beside Upgrade fails the handshake',
  },
})
