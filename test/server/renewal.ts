// A client that comes with a session which no server has, and begins a new one where it is told so.

import assert from 'node:assert/strict'
import { inTime } from '../fault/patience.ts'
import { ask, type DialOptions, dle, type ScriptLink, type Welcome } from './script-client.ts'

export const nobody: Welcome = {
  ...{ sid: 'Zm9yIGV4YW1wbGUgb25seQ', key: 'dGhpcnR5LXR3byBieXRlcywgYXMgYWxsIG1heSBzZWU', proto: '' },
  ...{ ttl: 0, ping: 0, dead: 0, max: 0, spread: 0 },
}

/** Comes with a session that the server does not have, and is told so. */
export async function lose(url: string, options?: DialOptions, session = nobody): Promise<ScriptLink> {
  const link = await ask(url, session, {}, options)
  assert.equal(await link.next(), `${dle}X{"why":"unknown"}`)
  return link
}

/** And asks for a new one. */
export async function renew(url: string, options?: DialOptions): Promise<ScriptLink> {
  const link = await lose(url, options)
  link.control('N', {})
  return link
}

export async function refusalOn(link: ScriptLink): Promise<unknown> {
  const refused = JSON.parse(await link.nextControl('X'))
  assert.equal((await inTime(link.closed, 'end of the link')).code, 3803)
  return refused
}
