/** What must have happened at least once when enough seeds were run: a count of zero is a gap in the world. */

import type { ClientStateName } from '../../packages/holdfast/src/core/client-state.ts'
import type { Refusal } from '../../packages/holdfast/src/core/control.ts'
import type { Counters } from './counters.ts'
import { actionKinds } from './scenario.ts'

const refusals: readonly Refusal[] = ['busy', 'moved', 'stale', 'unknown', 'expired', 'auth', 'origin', 'state']

const clientStates: readonly (ClientStateName | 'left')[] = [
  'idle',
  'connecting',
  'greeting',
  'settling',
  'open',
  'waiting',
  'suspended',
  'closing',
  'closed',
  // Its session is over for the client, and the server has it still.
  'left',
]

/** Of the client's session at a server; `gone`: no server has it, `none`: the client has none. */
const serverStates = ['new', 'attached', 'detached', 'over', 'gone', 'none'] as const

type Pair = `${ClientStateName | 'left'}/${(typeof serverStates)[number]}`

/** Pairs that cannot be, each with its reason; `*` stands for all. */
export const impossible: Readonly<Record<string, string>> = {
  'idle/*': 'a client is started in the turn in which it is made',
  '*/over': 'a server lets go of a session in the turn in which it ends',
  'settling/none': 'a link is live from its first frame on, which makes or resumes a session',
  'open/none': 'a link is live from its first frame on, which makes or resumes a session',
  'closing/new': 'a client with a session finishes it instead of closing its link',
  'closing/attached': 'a client with a session finishes it instead of closing its link',
  'closing/detached': 'a client with a session finishes it instead of closing its link',
  'closing/gone': 'a client with a session finishes it instead of closing its link',
  'closed/new': 'a client lets go of its session in the turn in which it is closed',
  'closed/attached': 'a client lets go of its session in the turn in which it is closed',
  'closed/detached': 'a client lets go of its session in the turn in which it is closed',
  'closed/gone': 'a client lets go of its session in the turn in which it is closed',
  'left/gone': 'what the server no longer has is not counted',
  'left/none': 'what the server no longer has is not counted',
}

export function possiblePairs(): Pair[] {
  const all = clientStates.flatMap((client) => serverStates.map((server): Pair => `${client}/${server}`))
  return all.filter((pair) => {
    const [client, server] = pair.split('/')
    return ![pair, `${client}/*`, `*/${server}`].some((each) => each in impossible)
  })
}

const within = (group: string, names: readonly string[]): string[] => names.map((name) => `${group} ${name}`)

const always: readonly string[] = [
  'server takes a client at its slot',
  ...within('action', actionKinds),
  ...within('pair', possiblePairs()),
  ...within('frame →', ['R', 'N', 'A', 'P', 'O', 'F']),
  ...within('frame ←', ['W', 'S', 'X', 'A', 'P', 'O', 'F', 'D']),
  ...within('refused', refusals),
  ...within('client end', [
    'aborted',
    'client clean',
    'client',
    'server clean',
    'server',
    'server 1002',
    'server 1009',
    'overflow',
    'poison',
    'retries-exhausted',
    'taken-over',
    'session-lost:abandoned',
    'session-lost:auth',
    'session-lost:origin',
    'session-lost:expired',
    'session-lost:state',
    'session-lost:unknown',
    'session-lost:unsupported',
  ]),
  ...within('client fails', ['aborted', 'client', 'connect-timeout', 'network', 'server', 'session-lost:auth', 'unsupported']),
  ...within('server end', [
    'client clean',
    'client',
    'client 1002',
    'client 1009',
    'server clean',
    'server',
    'overflow',
    'poison',
    'session-lost:abandoned',
    'session-lost:expired',
  ]),
  ...within('client lost', ['client', 'heartbeat-timeout', 'network', 'offline', 'server', 'write-timeout']),
  ...within('server lost', ['drain', 'heartbeat-timeout', 'network', 'server', 'write-timeout']),
  ...within('server parts', ['1000', '1012', '3801', '3803', '3804', '3805']),
  ...within('intruder parted', ['1006', '3803']),
  ...within('client closes while', ['connecting', 'greeting', 'settling', 'open', 'waiting', 'suspended', 'closing']),
  ...within('server closes while', ['new', 'attached', 'detached']),
  ...within('migration', ['begun', 'completed', 'failed', 'adopted', 'cut short by an end']),
  ...within('closed by', ['client', 'server', 'both']),
  ...within('forged', ['recv', 'base']),
  'client closes what it has hardly opened',
  'client closes when it is told that its session is lost',
  'renewal welcomed',
  'renewal lost with its link',
  'renewal refused busy',
  'client drops a duplicate',
  'client withholds an acknowledgement',
  'server withholds an acknowledgement',
  'client reads from an older link',
  'server ignores a fenced link',
  // A client is never behind: what it is told on a link came over that link, or is told by S.
  'server frees later',
  'client hears that it is accepted before S',
  'client superseded',
  'client learns from a refusal that everything arrived',
  'client told exactly',
  'client session expires while suspended',
  'client gave up',
  'client resumed',
  'client tick late',
  'server tick late',
  'drain followed to an address',
  'moved followed',
  'dial unanswered',
  'dial half open from the start',
  'plain messages echoed',
  'splice',
  'worlds at rest',
]

/** What a short run may miss. */
const rare: readonly string[] = [...within('server end', ['session-lost:unanswered']), ...within('intruder parted', ['3801'])]

/** @returns what has to happen and did not. @param isComplete whether so many seeds were run that nothing may be missing */
export function missing(counters: Counters, isComplete: boolean): string[] {
  return [...always, ...(isComplete ? rare : [])].filter((name) => counters.get(name) === 0)
}
