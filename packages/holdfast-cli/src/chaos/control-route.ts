/** The paths of the control port: which fault each one asks for, and what its parameters may be. */

import { byteSizeHint, parseByteSize } from '../fault/byte-size.ts'
import { freezeDirections } from '../fault/direction.ts'
import { type Held, heldWords } from '../fault/fault.ts'
import type { Fault, FreezeDirection } from '../fault/index.ts'
import { checkNumber, checkWord, millisecondRule } from '../fault/option-rule.ts'
import { limitRule, sliceRule } from '../fault/shape.ts'
import { suggestWord } from '../fault/suggestion.ts'

interface ControlRoute {
  /** As it is shown to people; the part before the question mark is the path. */
  readonly usage: string
  readonly parameters: readonly string[]
  /** @throws TypeError naming parameter, value and rule */
  readonly fault: (query: Query) => Fault
}

type Query = (name: string) => string | undefined

const plain =
  (kind: 'cut' | 'reset' | 'refuse' | 'accept'): ControlRoute['fault'] =>
  () => ({ kind })

const routes: Readonly<Record<string, ControlRoute>> = {
  '/reset': { usage: '/reset', parameters: [], fault: plain('reset') },
  '/cut': { usage: '/cut', parameters: [], fault: plain('cut') },
  '/freeze': {
    usage: '/freeze?direction=both|up|down',
    parameters: ['direction'],
    fault: (query) => ({ kind: 'freeze', direction: direction(query), held: 'release' }),
  },
  '/heal': {
    usage: '/heal?held=release|drop&direction=both|up|down',
    parameters: ['held', 'direction'],
    fault: (query) => ({ kind: 'heal', direction: direction(query), held: checkWord<Held>('held', query('held') ?? 'release', heldWords) }),
  },
  '/refuse': { usage: '/refuse', parameters: [], fault: plain('refuse') },
  '/accept': { usage: '/accept', parameters: [], fault: plain('accept') },
  '/delay': {
    usage: '/delay?ms=20&jitter=5',
    parameters: ['ms', 'jitter'],
    fault: (query) => ({ kind: 'delay', ms: milliseconds('ms', query('ms')), jitter: milliseconds('jitter', query('jitter') ?? '0') }),
  },
  '/slice': {
    usage: '/slice?bytes=7',
    parameters: ['bytes'],
    fault: (query) => ({ kind: 'slice', maxBytes: bytes('bytes', query('bytes'), sliceRule.max) }),
  },
  '/limit': {
    usage: '/limit?bytesPerSecond=65536',
    parameters: ['bytesPerSecond'],
    fault: (query) => ({ kind: 'limit', bytesPerSecond: bytes('bytesPerSecond', query('bytesPerSecond'), limitRule.max) }),
  },
}

export const statusPath = '/status'

/** All that there is, one a line. */
export const controlPaths: readonly string[] = [...Object.values(routes).map(({ usage }) => `POST ${usage}`), `GET ${statusPath}`]

export function isFaultPath(path: string): boolean {
  return Object.hasOwn(routes, path)
}

/** The known path that was probably meant. */
export function suggestPath(path: string): string | undefined {
  return suggestWord(path, [...Object.keys(routes), statusPath])
}

/** @throws TypeError naming parameter, value and rule */
export function faultOf(path: string, given: URLSearchParams): Fault {
  const { parameters, fault } = routes[path]!
  for (const name of given.keys())
    if (!parameters.includes(name)) {
      const rule = parameters.length === 0 ? `${path} takes none` : `${path} takes ${parameters.join(' and ')}`
      throw new TypeError(`unknown parameter ${name}: ${rule}`)
    }
  return fault((name) => given.get(name) ?? undefined)
}

function direction(query: Query): FreezeDirection {
  return checkWord('direction', query('direction') ?? 'both', freezeDirections)
}

function milliseconds(name: string, text: string | undefined): number {
  const isNumber = text !== undefined && /^\d+(?:\.\d+)?$/.test(text)
  return checkNumber(name, isNumber ? Number(text) : text, millisecondRule)
}

/** Zero is off. */
function bytes(name: string, text: string | undefined, maxBytes: number): number {
  const size = text === '0' ? 0 : parseByteSize(text ?? '', maxBytes)
  if (size === undefined)
    throw new TypeError(`${name} must be ${byteSizeHint}, or 0 for off; got ${text === undefined ? 'nothing' : JSON.stringify(text)}`)
  return size
}
