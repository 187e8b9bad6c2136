/** What a client asks for by its path: which service, and how often. */

import { durationHint } from '../fault/duration.ts'
import { parseDuration } from '../fault/index.ts'
import { suggestWord } from '../fault/suggestion.ts'

export type Route = { readonly service: 'echo' } | { readonly service: 'clock' | 'feed'; readonly everyMs: number }

/** The status of the HTTP answer, and what its body says. */
export interface Refusal {
  readonly status: 400 | 404
  readonly problem: string
}

const presetsMs = { '/clock': 1_000, '/feed': 1_000 } as const
const paths = ['/', '/echo', '/clock', '/feed'] as const
const everyRule = `every is ${durationHint}, and not 0`

export const pathHint: string = `there are ${paths.join(', ')}`

/** @param target as in the request line, such as `/feed?every=100ms` */
export function findRoute(target: string): Route | Refusal {
  const [path = '', query = ''] = target.split('?', 2)
  const given = new URLSearchParams(query)
  switch (path) {
    case '/':
    case '/echo':
      return checkNames(given, []) ?? { service: 'echo' }
    case '/clock':
    case '/feed':
      return checkNames(given, ['every']) ?? periodic(path, given.get('every'))
    default:
      return { status: 404, problem: `there is no ${path}; ${pathHint}${suggestion(path)}` }
  }
}

export function isRefusal(found: Route | Refusal): found is Refusal {
  return 'status' in found
}

function periodic(path: '/clock' | '/feed', every: string | null): Route | Refusal {
  const everyMs = every === null ? presetsMs[path] : parseDuration(every)
  if (!everyMs) return { status: 400, problem: `every=${every} is no period: ${everyRule}` }
  return { service: path === '/clock' ? 'clock' : 'feed', everyMs }
}

function checkNames(given: URLSearchParams, known: readonly string[]): Refusal | undefined {
  const unknown = [...given.keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return undefined
  const rule = known.length === 0 ? 'this path takes none' : `known is ${known.join(', ')}`
  return { status: 400, problem: `unknown parameter ${unknown}; ${rule}` }
}

function suggestion(path: string): string {
  const word = suggestWord(path, paths)
  return word === undefined ? '' : ` (did you mean ${word}?)`
}
