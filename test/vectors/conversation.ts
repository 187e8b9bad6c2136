/**
 * Runs a conversation of conversations.json against one of our ends, or both.
 *
 * A step says what one end does. For an end that is under test it is an expectation; for the end across from it, it is a stimulus; with
 * both under test it is first the one and then the other. What an end did and no step asked for is an error as soon as time moves on.
 */

import assert from 'node:assert/strict'
import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'
import type { Verdict } from '../../packages/holdfast/src/core/server-session.ts'
import { ClientEnd } from './client-end.ts'
import type { Close, Given, Message } from './given.ts'
import { ServerEnd } from './server-end.ts'

export type Side = 'client' | 'server'

/** How a frame or a close crosses the link, where it does not do so at once. */
type Way =
  /** It was written and never arrives. */
  | 'lost'
  /** It was written and arrives with a later step. */
  | 'delayed'
  /** It was delayed and arrives now. */
  | 'late'
  /** It arrives, and the end that it is from did not write it. */
  | 'forged'

interface End {
  readonly code: number
  /** Without one any will do. */
  readonly reason?: string
  readonly wasClean: boolean
  readonly unconfirmed: readonly Message[]
}

interface Opening {
  readonly link: number
  readonly opens: 'holdfast.v1' | 'holdfast.v1.resume'
  /** The subprotocol that the server chose, where it is not the one that is in `opens`. */
  readonly answer?: string
  /** The address that the client dials, where the server gave one. */
  readonly to?: string
  /** The end that this link concerns, where the other is played by somebody else. */
  readonly only?: Side
  /** Whom the server takes the client for. */
  readonly principal?: string
  /** What the server finds wrong with the handshake. */
  readonly wrong?: 'auth' | 'origin'
}

interface Dial {
  readonly link: number
  readonly isResuming: boolean
  readonly url: string | undefined
}

export type Step =
  | { readonly at: number }
  | Opening
  | { readonly link: number; readonly from: Side; readonly frame: Message; readonly way?: Way }
  /** The answer of the other end, or its own close in the same turn, is no step. Without a reason any will do. */
  | { readonly link: number; readonly from: Side; readonly close: number; readonly reason?: string; readonly way?: Way }
  /** With whatever code, or none. */
  | { readonly link: number; readonly leaves: Side }
  /** It never opens. */
  | { readonly link: number; readonly fails: true }
  | { readonly link: number; readonly cut: Side | 'both' }
  | { readonly 'client sends': readonly Message[] }
  | { readonly 'server sends': readonly Message[] }
  | { readonly 'client closes': Close }
  | { readonly 'server closes': Close }
  | { readonly 'server terminates': true }
  | { readonly 'server drains': { readonly in: number; readonly by: number; readonly url?: string } }
  | { readonly 'server is busy': number }
  | { readonly 'server finds it at': string }
  | { readonly 'client opens': { readonly proto: string } }
  | { readonly 'server opens': object; readonly session?: number }
  | { readonly 'delivered to client': readonly Message[] }
  | { readonly 'delivered to server': readonly Message[] }
  | { readonly 'client ends': End }
  | { readonly 'server ends': End; readonly session?: number }

export interface Conversation {
  readonly name: string
  readonly section: string
  /** What differs from what the file gives. */
  readonly with?: Partial<Given>
  readonly steps: readonly Step[]
}

const network: CloseInfo = Object.freeze({ code: 1006, reason: '', wasClean: false, cause: 'network' })
/** More ticks than this between two steps are a clock that stands still. */
const maxTicks = 100_000

/** @throws AssertionError where an end under test does something else than the conversation says */
export function run(conversation: Conversation, given: Given, sides: readonly Side[]): void {
  const runner = new Runner({ ...given, ...conversation.with }, sides)
  conversation.steps.forEach((step, index) => {
    runner.step(step, `step ${index + 1}, ${JSON.stringify(step)}`)
  })
  runner.finish()
}

/** Whether a conversation asks anything of this end. */
export function concerns(conversation: Conversation, side: Side): boolean {
  const other = side === 'client' ? 'server' : 'client'
  return conversation.steps.some((step) => 'opens' in step && step.only !== other)
}

class Runner {
  readonly #client: ClientEnd | undefined
  readonly #server: ServerEnd | undefined
  readonly #given: Given
  /** Links that concern one end only. */
  readonly #partial = new Map<number, Side>()
  #now = 0

  constructor(given: Given, sides: readonly Side[]) {
    this.#given = given
    this.#client = sides.includes('client') ? new ClientEnd(given) : undefined
    this.#server = sides.includes('server') ? new ServerEnd(given) : undefined
  }

  step(step: Step, text: string): void {
    this.#perform(step, text)
    for (const end of this.#ends) if (end.deadline <= this.#now) end.tick(this.#now)
  }

  #perform(step: Step, text: string): void {
    if ('at' in step) this.#pass(step.at, text)
    else if ('opens' in step) this.#open(step, text)
    else if ('frame' in step) this.#frame(step, text)
    else if ('close' in step) this.#close(step, text)
    else if ('leaves' in step) this.#leave(step, text)
    else if ('fails' in step) this.#fail(text)
    else if ('cut' in step) this.#cut(step.link, step.cut)
    else if ('client sends' in step) for (const message of step['client sends']) this.#client?.send(message)
    else if ('server sends' in step) for (const message of step['server sends']) this.#server?.send(message)
    else if ('client closes' in step) this.#client?.close(step['client closes'])
    else if ('server closes' in step) this.#server?.close(step['server closes'])
    else if ('server terminates' in step) this.#server?.terminate()
    else if ('server drains' in step) this.#drain(step['server drains'])
    else if ('server is busy' in step) this.#setBusy(step['server is busy'])
    else if ('server finds it at' in step) this.#setElsewhere(step['server finds it at'])
    else if ('client opens' in step) this.#expect(this.#client, 'application', { opened: step['client opens'] }, text)
    else if ('server opens' in step) this.#expect(this.#server, application(step), { opened: step['server opens'] }, text)
    else if ('delivered to client' in step) this.#delivered(this.#client, step['delivered to client'], text)
    else if ('delivered to server' in step) this.#delivered(this.#server, step['delivered to server'], text)
    else if ('client ends' in step) this.#expect(this.#client, 'application', { ended: step['client ends'] }, text)
    else this.#expect(this.#server, application(step), { ended: step['server ends'] }, text)
  }

  finish(): void {
    this.#checkRest('the end')
  }

  #pass(at: number, text: string): void {
    this.#checkRest(text)
    for (let ticks = 0; ; ticks++) {
      const due = Math.min(...this.#ends.map((end) => end.deadline))
      if (due > at) break
      assert.ok(ticks < maxTicks, `${text}: time stands still`)
      const now = Math.max(this.#now, due)
      if (now > this.#now) this.#checkRest(`${text}, at ${this.#now}`)
      this.#now = now
      for (const end of this.#ends) if (end.deadline <= now) end.tick(now)
    }
    if (this.#now < at) this.#checkRest(`${text}, at ${this.#now}`)
    this.#now = at
    for (const end of this.#ends) end.now = at
  }

  #open(step: Opening, text: string): void {
    const { link, opens, only } = step
    const isResuming = opens === 'holdfast.v1.resume'
    if (only) this.#partial.set(link, only)
    if (only !== 'server' && this.#client) {
      const dial = this.#dial(text)
      assert.deepEqual({ isResuming: dial.isResuming, to: dial.url }, { isResuming, to: step.to }, text)
      this.#client.open(link, dial.link, step.answer === undefined)
    }
    if (only !== 'client') this.#server?.open(link, isResuming, this.#verdict(step))
  }

  #verdict({ wrong, principal }: Opening): Verdict {
    if (wrong !== undefined) return { kind: 'refused', why: wrong }
    return { kind: 'accepted', principal: principal ?? 'the same', proto: this.#given.proto }
  }

  #frame({ link, from, frame, way }: Extract<Step, { readonly frame: Message }>, text: string): void {
    if (way !== 'late' && way !== 'forged') this.#expect(this.#end(link, from), `link ${link}`, { frame }, text)
    if (way !== 'lost' && way !== 'delayed') this.#end(link, across(from))?.receive(link, frame)
  }

  #close({ link, from, close, reason, way }: Extract<Step, { readonly close: number }>, text: string): void {
    const sender = this.#end(link, from)
    const receiver = this.#end(link, across(from))
    const info = (cause: Side): CloseInfo => Object.freeze({ code: close, reason: reason ?? '', wasClean: true, cause })
    if (way !== 'late' && way !== 'forged') this.#expect(sender, `link ${link}`, { close, ...(reason !== undefined && { reason }) }, text)
    if (way === 'lost' || way === 'delayed') return
    if (receiver?.journal.peek(`link ${link}`, 'close')) receiver.journal.take(`link ${link}`)
    receiver?.closed(link, info(from))
    sender?.closed(link, way === 'forged' ? network : info(across(from)))
  }

  #leave({ link, leaves }: Extract<Step, { readonly leaves: Side }>, text: string): void {
    const end = this.#end(link, leaves)
    if (end) {
      const event = end.journal.take(`link ${link}`) as object | undefined
      assert.ok(event && ('drop' in event || 'close' in event), `${text}: the ${leaves} stays`)
      end.closed(link, network)
    }
    this.#end(link, across(leaves))?.closed(link, network)
  }

  #fail(text: string): void {
    this.#client?.fail(this.#dial(text).link)
  }

  #dial(text: string): Dial {
    const dial = this.#client!.journal.take('dial') as Dial | undefined
    assert.ok(dial, `${text}: the client does not dial`)
    return dial
  }

  #cut(link: number, side: Side | 'both'): void {
    if (side !== 'server') this.#end(link, 'client')?.closed(link, network)
    if (side !== 'client') this.#end(link, 'server')?.closed(link, network)
  }

  #drain(drain: { readonly in: number; readonly by: number; readonly url?: string }): void {
    this.#server?.drain(drain.in, drain.by, drain.url)
  }

  #setBusy(ms: number): void {
    if (this.#server) this.#server.busyMs = ms
  }

  #setElsewhere(url: string): void {
    if (this.#server) this.#server.elsewhere = url
  }

  #delivered(end: ClientEnd | ServerEnd | undefined, messages: readonly Message[], text: string): void {
    for (const delivered of messages) this.#expect(end, 'application', { delivered }, text)
  }

  #expect(end: ClientEnd | ServerEnd | undefined, queue: string, expected: object, text: string): void {
    if (!end) return
    const actual = end.journal.take(queue)
    assert.deepEqual(withoutReason(actual, expected), expected, `${text}: not what the ${end.name} does`)
  }

  #checkRest(text: string): void {
    for (const { name, journal } of this.#ends) assert.deepEqual(journal.rest, [], `before ${text}: the ${name} does more than that`)
  }

  /** The end under test that this link concerns. */
  #end(link: number, side: Side): ClientEnd | ServerEnd | undefined {
    const only = this.#partial.get(link)
    if (only !== undefined && only !== side) return undefined
    return side === 'client' ? this.#client : this.#server
  }

  get #ends(): (ClientEnd | ServerEnd)[] {
    return [this.#client, this.#server].filter((end) => end !== undefined)
  }
}

function across(side: Side): Side {
  return side === 'client' ? 'server' : 'client'
}

function application({ session = 1 }: { readonly session?: number }): string {
  return session === 1 ? 'application' : `application of session ${session}`
}

/** An event of which no reason is expected, with any. */
function withoutReason(actual: unknown, expected: object): unknown {
  if (typeof actual !== 'object' || actual === null) return actual
  const inner =
    'ended' in actual && 'ended' in expected ? { actual: actual.ended as object, expected: expected.ended as object } : undefined
  if (inner && !('reason' in inner.expected)) return { ended: omitReason(inner.actual) }
  if ('close' in actual && !('reason' in expected)) return { close: actual.close }
  return actual
}

function omitReason({ reason: _, ...rest }: { readonly reason?: string }): object {
  return rest
}
