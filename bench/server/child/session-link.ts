/** A client that speaks the protocol of sessions (PROTOCOL.md) and does nothing else, so that thousands of them cost little. */

import { loadPackage } from '../../peers/subject/package.ts'

const mark = '\u0010'
/** What a client offers that has no subprotocol of its own. */
const noProtocol = 'holdfast.off'
/** Each session of a client has a credential of its own; who holds it is the same. */
const cid = 'b25lIGNsaWVudCBvZiB1cw'

export interface Credential {
  readonly sid: string
  readonly key: string
}

export interface Link {
  readonly socket: any
  /** The first frame of the server, which says what became of the attempt. */
  readonly greeting: Promise<string>
}

/** Dials, for a new session or to resume one, and answers pings; `pinged` hears of each. */
export async function openSessionDialler(port: number): Promise<(credential: Credential | undefined, pinged: () => void) => Link> {
  const { WebSocket } = await loadPackage('ws')
  return (credential, pinged) => {
    const token = credential ? 'holdfast.v1.resume' : 'holdfast.v1'
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, [noProtocol, token], { perMessageDeflate: false })
    socket.on('error', () => {})
    if (credential) socket.on('open', () => socket.send(`${mark}R${JSON.stringify({ ...credential, cid, attempt: 1, recv: 0 })}`))
    const greeting = new Promise<string>((resolve, reject) => {
      socket.on('message', (data: Buffer) => {
        const frame = data.toString()
        switch (frame.charAt(1)) {
          case 'W':
            socket.send(`${mark}A0`)
            resolve(frame)
            return
          case 'S':
          case 'X':
            resolve(frame)
            return
          case 'P':
            pinged()
            socket.send(`${mark}O${frame.slice(2).split(',')[0]},0`)
        }
      })
      socket.on('close', () => reject(new Error('a link was lost before it was greeted')))
    })
    return { socket, greeting }
  }
}

export function credentialOf(greeting: string): Credential {
  if (!greeting.startsWith(`${mark}W`)) throw new Error(`a session was not begun: ${greeting}`)
  const { sid, key } = JSON.parse(greeting.slice(2))
  return { sid, key }
}
