// Everything that ws's server and its sockets have, and what it is here: for the guide's table, and for the test that ws has nothing besides.

export type Of = 'server' | 'socket'
export type Kind = 'member' | 'static' | 'event' | 'option' | 'internal'

export interface Parity {
  readonly of: Of
  readonly kind: Kind
  readonly name: string
  /** 'same', or how it differs. Of sockets that is said of those with a session; plain clients have ws's. */
  readonly ours: string
}

const same = 'same'
const clientOnly = 'same: of clients only, a server’s socket never has it'

/** Who extends the classes finds these; they are not documented by ws. */
const internal = 'same: internal to ws'

function rows(of: Of, kind: Kind, table: Readonly<Record<string, string>>): Parity[] {
  return Object.entries(table).map(([name, ours]) => ({ of, kind, name, ours }))
}

export const parity: readonly Parity[] = [
  ...rows('server', 'member', {
    address: same,
    clients: 'plain sockets and all sessions, also those whose link is away',
    close: 'ends sessions without a link at once, and the others when they lose theirs',
    handleUpgrade: 'calls back once a session, not for a link that resumes one',
    options: same,
    shouldHandle: same,
  }),
  ...rows('server', 'internal', { completeUpgrade: internal }),
  ...rows('server', 'event', {
    close: same,
    connection: 'once a session, not for a link that resumes one',
    error: same,
    headers: same,
    listening: same,
    wsClientError: same,
  }),
  ...rows('server', 'option', {
    allowSynchronousEvents: same,
    autoPong: same,
    backlog: same,
    clientTracking: same,
    closeTimeout: 'is 10 s by default, not 30 s, and in a session how long a close in order may take',
    handleProtocols: 'sees the application’s subprotocols only; for a session it is asked once and its choice is told inside',
    host: same,
    maxBufferedChunks: same,
    maxFragments: same,
    maxPayload: 'is 1 MiB by default in a session, and binds what the server sends there as well',
    maxPendingAutoPongs: same,
    noServer: same,
    path: same,
    perMessageDeflate: 'asks clients of sessions for client_no_context_takeover, and control frames of sessions go uncompressed',
    port: same,
    server: same,
    skipUTF8Validation: same,
    verifyClient: 'is followed by origins and authenticate',
    WebSocket: 'must be SessionSocket or extend it',
  }),
  ...rows('socket', 'static', { CONNECTING: same, OPEN: same, CLOSING: same, CLOSED: same }),
  ...rows('socket', 'member', {
    CONNECTING: same,
    OPEN: same,
    CLOSING: same,
    CLOSED: same,
    addEventListener: same,
    binaryType: same,
    bufferedAmount: 'counts what waits for a link, too',
    close: 'ends the session, behind all that was sent, over another link if need be',
    extensions: 'those of the latest link',
    isPaused: same,
    onclose: same,
    onerror: same,
    onmessage: same,
    onopen: same,
    pause: 'lasts from link to link, and its client is not told of what arrives',
    ping: 'asks the session: pong with the same data follows while it lives, also when its client is away',
    pong: 'does nothing',
    protocol: same,
    readyState: 'OPEN while the link is away',
    removeEventListener: same,
    resume: same,
    send: 'copies its buffers and keeps the message until the client has it; calls back when it was written to a link',
    terminate: 'ends the session, not only its link',
    url: clientOnly,
  }),
  ...rows('socket', 'internal', { emitClose: internal, setSocket: internal }),
  ...rows('socket', 'event', {
    close: 'once, when the session ends; a lost link is the event lost',
    error: 'for what the client broke, and only if somebody listens; never for a lost link',
    message: same,
    open: same,
    ping: same,
    pong: 'answers ping() of the session; what a link brings is not passed on',
    redirect: clientOnly,
    'unexpected-response': clientOnly,
    upgrade: clientOnly,
  }),
]
