// A client that speaks the protocol by hand, frame by frame, over the class of `ws`: what it does is what the test says, right or wrong.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type ClientOptions, WebSocket } from 'ws'
import { inTime } from '../fault/patience.ts'

/** What a message was: a text of the wire, with its mark if it has one, or bytes. */
export type Frame = string | Buffer

export interface Welcome {
  readonly sid: string
  readonly key: string
  readonly proto: string
  readonly ttl: number
  readonly ping: number
  readonly dead: number
  readonly max: number
  readonly spread: number
}
export interface Spliced {
  readonly recv: number
  readonly base: number
  readonly sent: number
}
export interface Refused {
  readonly why: string
  readonly recv?: number
  readonly after?: number
}

export const dle = '\u0010'
/** The holder of the credential in these tests, and another one. */
export const cid = 'b25lIGNsaWVudCBvZiB1cw'
export const otherCid = 'YW5vdGhlciBjbGllbnQgLi'

export interface DialOptions extends ClientOptions {
  /** P, the application's own subprotocols. */
  readonly protocols?: readonly string[]
}

/** One link. */
export class ScriptLink {
  readonly ws: WebSocket
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #frames: Frame[] = []
  #waiting: ((frame: Frame) => void) | undefined

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data: Buffer, isBinary: boolean) => this.#arrived(isBinary ? data : data.toString()))
    ws.on('error', () => {})
    this.closed = new Promise((resolve) => {
      ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
  }

  get protocol(): string {
    return this.ws.protocol
  }

  /** The next frame that is not looked at yet. */
  next(): Promise<Frame> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    return inTime(
      new Promise<Frame>((resolve) => {
        this.#waiting = resolve
      }),
      'frame',
    )
  }

  /** The next one with such a letter; what comes before is skipped. */
  async nextControl(letter: string): Promise<string> {
    for (;;) {
      const frame = await this.next()
      if (typeof frame === 'string' && frame.startsWith(dle + letter)) return frame.slice(2)
    }
  }

  /** The next one that is data. */
  async nextData(): Promise<Frame> {
    for (;;) {
      const frame = await this.next()
      const isControl = typeof frame === 'string' && frame.startsWith(dle) && !frame.startsWith(dle + dle)
      if (!isControl) return frame
    }
  }

  async welcome(): Promise<Welcome> {
    return JSON.parse(await this.nextControl('W'))
  }

  send(frame: Frame): void {
    this.ws.send(frame)
  }
  control(letter: string, payload: unknown): void {
    this.send(`${dle}${letter}${typeof payload === 'object' ? JSON.stringify(payload) : payload}`)
  }

  /** Ends the link as a network does. */
  reset(): void {
    const { _socket: socket } = this.ws as unknown as { _socket: Socket & { encrypted?: boolean } }
    if (socket.encrypted || socket.remoteAddress === undefined)
      socket.destroy() // only plain TCP has a reset
    else socket.resetAndDestroy()
  }

  #arrived(frame: Frame): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) waiting(frame)
    else this.#frames.push(frame)
  }
}

/** Opens a link. */
export async function dial(url: string, tokens: readonly string[], options: DialOptions = {}): Promise<ScriptLink> {
  const { protocols = [], ...wsOptions } = options
  const own = protocols.length > 0 ? protocols : ['holdfast.off']
  const link = new ScriptLink(new WebSocket(url, tokens.length > 0 ? [...own, ...tokens] : [...protocols], wsOptions))
  await inTime(
    new Promise<void>((resolve, reject) => {
      link.ws.once('open', resolve)
      link.ws.once('error', reject)
    }),
    'link',
  )
  return link
}

export interface Session {
  readonly link: ScriptLink
  readonly welcome: Welcome
}

/** Begins a session and answers the welcome. */
export async function begin(url: string, options?: DialOptions): Promise<Session> {
  const link = await dial(url, ['holdfast.v1'], options)
  const welcome = await link.welcome()
  link.control('A', 0)
  return { link, welcome }
}

export interface ResumeFields {
  readonly cid?: string
  readonly key?: string
  readonly sid?: string
  readonly attempt?: number
  readonly recv?: number
}

/** Opens a link and asks for a session on it. What the server answers is the next frame. */
export async function ask(url: string, { sid, key }: Welcome, fields: ResumeFields = {}, options?: DialOptions): Promise<ScriptLink> {
  const link = await dial(url, ['holdfast.v1.resume'], options)
  link.control('R', { sid, key, cid, attempt: 1, recv: 0, ...fields })
  return link
}

/** Resumes a session. */
export async function resume(
  url: string,
  welcome: Welcome,
  fields?: ResumeFields,
  options?: DialOptions,
): Promise<{ link: ScriptLink; spliced: Spliced }> {
  const link = await ask(url, welcome, fields, options)
  return { link, spliced: JSON.parse(await link.nextControl('S')) }
}

/** Asks for a session and is refused; where a new one may begin it wants none. */
export async function refusal(url: string, welcome: Welcome, fields?: ResumeFields, options?: DialOptions): Promise<Refused> {
  const link = await ask(url, welcome, fields, options)
  const refused: Refused = JSON.parse(await link.nextControl('X'))
  if (['unknown', 'expired', 'state'].includes(refused.why)) link.ws.close(3803)
  await inTime(link.closed, 'end of the refused link')
  return refused
}

/** Dials where the upgrade is refused. */
export function refusedUpgrade(url: string, tokens: readonly string[], options: ClientOptions = {}): Promise<IncomingMessage> {
  const ws = new WebSocket(url, [...tokens], options)
  ws.on('error', () => {})
  return inTime(
    new Promise<IncomingMessage>((resolve, reject) => {
      ws.once('unexpected-response', (request, response) => {
        response.resume()
        response.once('end', () => request.destroy())
        resolve(response)
      })
      ws.once('open', () => reject(new Error('the upgrade was granted')))
    }),
    'refusal',
  )
}
