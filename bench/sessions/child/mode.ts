/** What a server does with a connection; the client asks for it in the query of its url. */

import { modes as peerModes } from '../../peers/server/mode.ts'
import type { HostedPeer } from './host.ts'

export type Mode = (peer: HostedPeer, query: URLSearchParams) => void

/** What one write to a socket takes: 64 KB of 125 B messages, and no more parts than a system call takes. */
const batch = 500
/** Between two of them: whoever is the slower server, each client finds a batch at a time. */
const batchMs = 1

export const modes: Readonly<Record<string, Mode>> = {
  ...peerModes,
  /** Those that need not be sent one by one are only compared from afar. */
  flood: (peer, query) => (peer.isSocketIo ? peerModes.flood!(peer, query) : flood(peer, query)),
  /** Answers `report` with how many messages came since the last one, and how long it took from the first to the last. */
  tally: (peer) => {
    let count = 0
    let firstAt = 0
    let lastAt = 0
    peer.receive((data) => {
      if (data === 'report') {
        peer.send(JSON.stringify({ count, ms: lastAt - firstAt }))
        count = 0
        return
      }
      lastAt = performance.now()
      if (count++ === 0) firstAt = lastAt
    })
  },
  /** Sends so many messages when it is told to, and when it loses its link. */
  fill: (peer, query) => {
    const message = 'x'.repeat(Number(query.get('bytes')))
    const fill = () => {
      for (let count = Number(query.get('count')); count > 0; count--) peer.send(message)
    }
    peer.receive(fill)
    peer.lost(fill)
  },
  /** A message a millisecond, as long as it lives. */
  stream: (peer) => {
    let sent = 0
    const startedAt = performance.now()
    const timer = setInterval(() => {
      for (const due = performance.now() - startedAt; sent < due; sent++) peer.send(String(sent))
    }, 1)
    ;(peer.socket as unknown as NodeJS.EventEmitter).on('close', () => clearInterval(timer))
  },
}

/** A session counts what it sends, so nothing can be recorded: it is sent, a system call's worth at a time, by all at their own pace. */
function flood(peer: HostedPeer, query: URLSearchParams): void {
  const message = 'x'.repeat(Number(query.get('bytes')))
  peer.receive(() => {
    let left = Number(query.get('count'))
    const go = () => {
      if (peer.raw.writableLength === 0) {
        const next = Math.min(left, batch)
        left -= next
        peer.raw.cork?.() // a session does that by itself
        for (let i = 0; i < next; i++) peer.send(message)
        peer.raw.uncork?.()
      }
      if (left > 0) setTimeout(go, batchMs)
    }
    go()
  })
}
