/** Adds up what happened to the links of a client. It reads no clock: it is told the times. */

import type { CloseCause } from 'holdfast'
import type { ClientEvent, ClientReport } from './event.ts'

/** The part of the report that is about links. */
export type TallySum = Omit<ClientReport, 'client' | 'numbered' | 'latency' | 'stats'>

type Counts = Partial<Record<CloseCause, number>>

type TallyState =
  | { readonly name: 'new' }
  | { readonly name: 'open'; readonly since: number }
  | { readonly name: 'away'; readonly since: number }
  | { readonly name: 'over' }

export class Tally {
  #state: TallyState = { name: 'new' }
  #links = 0
  #losses = 0
  #openMs = 0
  #longestSilenceMs = 0
  #longestOutageMs = 0
  readonly #lossesByCause: Counts = {}
  readonly #failedDialsByCause: Counts = {}

  receive(event: ClientEvent, now: number): void {
    switch (event.event) {
      case 'open':
      case 'resumed':
        this.#links++
        this.#become({ name: 'open', since: now }, now)
        return
      case 'lost':
        this.#receiveLoss(event)
        this.#become({ name: 'away', since: now }, now)
        return
      case 'dropped':
        this.#receiveLoss({ ...event, cause: 'network' })
        this.#become({ name: 'away', since: now }, now)
        return
      case 'ended':
        if (this.#state.name === 'open') this.#receiveLoss({ ...event, silentMs: 0 })
        if (this.#state.name === 'open') this.#become({ name: 'away', since: now }, now)
        return
      case 'failed':
        count(this.#failedDialsByCause, event.cause)
        return
      case 'closed':
        if (event.wasOpen) this.#receiveLoss(event)
        else count(this.#failedDialsByCause, event.cause)
        this.#become({ name: 'over' }, now)
        return
      case 'giveup':
      case 'pong':
      case 'gap':
        return
    }
  }

  /** The sum at the end; an outage that lasts still counts. */
  sum(now: number): TallySum {
    this.#become({ name: 'over' }, now)
    return {
      durationMs: now,
      openMs: this.#openMs,
      links: this.#links,
      losses: this.#losses,
      lossesByCause: this.#lossesByCause,
      longestSilenceMs: this.#longestSilenceMs,
      longestOutageMs: this.#longestOutageMs,
      failedDialsByCause: this.#failedDialsByCause,
    }
  }

  #receiveLoss({ cause, silentMs }: { readonly cause: CloseCause; readonly silentMs: number }): void {
    this.#losses++
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, silentMs)
    count(this.#lossesByCause, cause)
  }

  #become(next: TallyState, now: number): void {
    const state = this.#state
    if (state.name === 'open') this.#openMs += now - state.since
    if (state.name === 'away') this.#longestOutageMs = Math.max(this.#longestOutageMs, now - state.since)
    this.#state = next
  }
}

function count(counts: Counts, cause: CloseCause): void {
  counts[cause] = (counts[cause] ?? 0) + 1
}
