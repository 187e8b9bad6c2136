/** Who is shown: clients side by side in a network of our own, or one on a server of somebody else. */

import { ReconnectingWebSocket, type ReconnectingWebSocketOptions } from 'holdfast'
import { type Client, OwnClient } from './client.ts'
import type { ClientEvent } from './event.ts'
import type { Network } from './network.ts'
import { loadOther, OtherClient, otherName } from './other-client.ts'
import { seededClock } from './seeded-clock.ts'
import { localTuning, remoteTuning } from './tuning.ts'

export type Tell = (client: string, event: ClientEvent) => void

export interface Cast {
  readonly clients: readonly Client[]
  /** Left out, because it is not installed. */
  readonly absent: readonly string[]
}

const plainName = 'plain'
export const resumableName = 'resumable'

/** Each goes through the same faults, on a path of its own, by which the server knows it. */
export async function assembleRivals(network: Network, seed: number, tell: Tell): Promise<Cast> {
  const own = (name: string, options: ReconnectingWebSocketOptions): Client => {
    const socket = new ReconnectingWebSocket(`${network.url}${pathOf(name)}`, [], { ...localTuning, clock: seededClock(seed), ...options })
    return new OwnClient(name, socket, network.backend.accountOf(pathOf(name)), (event) => tell(name, event))
  }
  const Other = await loadOther()
  const clients = [own(plainName, {}), own(resumableName, { resume: true })]
  if (Other === undefined) return { clients, absent: [otherName] }
  const path = pathOf(otherName)
  const other = new OtherClient(Other, `${network.url}${path}`, network.backend.accountOf(path), (event) => tell(otherName, event))
  return { clients: [...clients, other], absent: [] }
}

export function assembleGuest(url: string, tell: Tell): Cast {
  const socket = new ReconnectingWebSocket(url, [], remoteTuning)
  return { clients: [new OwnClient(plainName, socket, undefined, (event) => tell(plainName, event))], absent: [] }
}

function pathOf(client: string): string {
  return `/${client}`
}
