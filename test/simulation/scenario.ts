/**
 * What a seed stands for: the shape of a world, and everything that is done to it, planned before it begins.
 *
 * Because the actions are a list, a failing run is made small by leaving actions out.
 */

import { Random } from './random.ts'

export const actionKinds = [
  'client sends',
  'server sends',
  'client sends a large message',
  'server sends a large message',
  'client closes',
  'server closes',
  'client aborts',
  'server terminates',
  'client asks for a new link',
  'client stops reading',
  'server stops reading',
  'client overflows',
  'server overflows',
  'server drains',
  'cut',
  'link closed on the way',
  'freeze towards the server',
  'freeze towards the client',
  'freeze both ways',
  'dials refused',
  'dials unanswered',
  'dials answered by a stranger',
  'server busy',
  'server restarts',
  'principal revoked',
  'client sleeps',
  'server stalls',
  'wall clock jumps',
  'client offline',
  'page hidden',
  'hint of life',
  'credential stolen',
  'resume replayed',
  'resume forged',
  'resume with another key',
  'server forgets',
] as const

export type ActionKind = (typeof actionKinds)[number]

export interface Action {
  /** Where it stands among the actions of its seed. */
  readonly index: number
  readonly at: number
  readonly kind: ActionKind
  /** Which client it is about. */
  readonly client: number
  readonly seed: number
}

export interface Shape {
  readonly clients: number
  readonly servers: number
  /** Whether a server knows where a session is that it does not have. */
  readonly canLocate: boolean
  readonly latencyMs: number
  readonly jitterMs: number
  /** Of a link, each way. */
  readonly bytesPerMs: number
  /** What a link takes for each message, however small. Without it no backlog lasts, and a link is never behind what is known to have arrived. */
  readonly messageMs: number
  /** A larger message ends the link that carries it, by a close frame of something on the way. */
  readonly largestPassing: number
  /** Messages that a link takes before it counts as full; Infinity: as real ones. */
  readonly backlogMessages: number
  readonly showsBytes: boolean
  readonly canPause: boolean
  readonly ttl: number
  readonly ping: number
  readonly dead: number
  readonly spread: number
  readonly maxRetries: number
  readonly minDelay: number
  readonly maxDelay: number
  readonly isReconnecting: boolean
  readonly setupMs: number
  readonly maxLinkAge: number
  readonly closeTimeout: number
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxTotalBytes: number
  readonly maxSessions: number
  /** Milliseconds between the timers of a hidden page; 0: they come on time. */
  readonly timerStepMs: number
  /** How long authentication may take; the frame that resumes can be there before it is done. */
  readonly authMs: number
  /** Whether a client without sessions talks to a server that knows nothing of them. */
  readonly hasPlain: boolean
}

export interface Scenario {
  readonly seed: number
  readonly shape: Shape
  readonly actions: readonly Action[]
  /** When the faults end. */
  readonly calmAt: number
}

/** How often each kind is drawn, relative to the others. */
const weights: Readonly<Record<ActionKind, number>> = {
  'client sends': 26,
  'server sends': 26,
  'client sends a large message': 2,
  'server sends a large message': 2,
  'client closes': 0.7,
  'server closes': 0.7,
  'client aborts': 0.3,
  'server terminates': 0.3,
  'client asks for a new link': 1.5,
  'client stops reading': 2,
  'server stops reading': 2,
  'client overflows': 0.3,
  'server overflows': 0.3,
  'server drains': 4,
  cut: 9,
  'link closed on the way': 3,
  'freeze towards the server': 2,
  'freeze towards the client': 2,
  'freeze both ways': 2,
  'dials refused': 2,
  'dials unanswered': 2,
  'dials answered by a stranger': 1.5,
  'server busy': 2,
  'server restarts': 0.6,
  'principal revoked': 0.5,
  'client sleeps': 1.5,
  'server stalls': 1.5,
  'wall clock jumps': 1,
  'client offline': 1.5,
  'page hidden': 1,
  'hint of life': 1.5,
  'credential stolen': 0.4,
  'resume replayed': 1,
  'resume forged': 0.7,
  'resume with another key': 0.7,
  'server forgets': 0.3,
}
/** Each is a step, so that no run is so short that nothing comes of it. */
const minActions = 200
const spanOfActions = 40
/** Milliseconds between two actions. Slow worlds are few: most of their steps are timers. */
const paces = [40, 40, 100, 100, 250, 250, 1_000]
const totalWeight = actionKinds.reduce((sum, kind) => sum + weights[kind], 0)

export function scenario(seed: number): Scenario {
  const random = new Random(seed)
  const actionCount = minActions + random.below(spanOfActions)
  // A seed has favourites: worlds in which one thing happens all the time are as likely as mixed ones.
  const favourite = random.chance(0.5) ? random.pick(actionKinds) : undefined
  const paceMs = random.pick(paces)
  const shape = drawShape(random)
  const actions: Action[] = []
  let at = 0
  for (let i = 0; i < actionCount; i++) {
    at += random.between(0, 2 * paceMs)
    const kind = favourite && random.chance(0.15) ? favourite : drawKind(random)
    actions.push({ index: i, at, kind, client: random.below(shape.clients), seed: random.bits() })
  }
  return { seed, shape, actions, calmAt: at + paceMs }
}

function drawKind(random: Random): ActionKind {
  let left = random.next() * totalWeight
  for (const kind of actionKinds) {
    left -= weights[kind]
    if (left < 0) return kind
  }
  return 'client sends'
}

function drawShape(random: Random): Shape {
  const isTight = random.chance(0.25)
  // A link that is replaced sooner than it can carry a large message never will.
  const maxLinkAge = random.pick([Infinity, Infinity, Infinity, 4_000])
  const ping = random.pick([2_000, 10_000, 30_000])
  return {
    clients: 1 + random.below(3),
    servers: random.chance(0.25) ? 2 : 1,
    canLocate: random.chance(0.7),
    latencyMs: random.pick([0.5, 5, 50, 300]),
    jitterMs: random.pick([0, 5, 200]),
    bytesPerMs: maxLinkAge === Infinity ? random.pick([Infinity, Infinity, 400, 40]) : Infinity,
    messageMs: random.pick([0, 0, 5, 50]),
    largestPassing: random.chance(0.08) ? 50_000 : Infinity,
    backlogMessages: random.chance(0.5) ? 1 + random.below(4) : Infinity,
    showsBytes: random.chance(0.5),
    canPause: random.chance(0.5),
    ttl: random.pick([3_000, 60_000, 300_000]),
    ping,
    dead: ping + random.pick([2_000, 10_000]),
    spread: random.pick([0, 0, 200, 2_000]),
    maxRetries: random.pick([1, 3, 10]),
    minDelay: random.pick([100, 1_000]),
    maxDelay: random.pick([2_000, 30_000]),
    isReconnecting: random.chance(0.6),
    setupMs: random.pick([-1, -1, 0, 300]),
    maxLinkAge,
    closeTimeout: random.pick([1_000, 10_000]),
    maxMessages: isTight ? 6 : 1_000,
    maxBytes: isTight ? 200 : 4 * 1024 * 1024,
    maxTotalBytes: random.chance(0.15) ? 150 : 256 * 1024 * 1024,
    maxSessions: random.chance(0.1) ? 1 : 1_000,
    timerStepMs: random.chance(0.1) ? 60_000 : 0,
    authMs: random.pick([0, 0, 100, 400]),
    hasPlain: random.chance(0.3),
  }
}
