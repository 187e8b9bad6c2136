/** What stands between a client and its backend, and which client comes through it. */

import type { SubjectName } from '../sessions/subject.ts'

export const direct = 'direct'
export const haproxy = 'HAProxy'
export const nginx = 'nginx'
/** For a client that speaks no holdfast. */
export const plain = 'gateway, plain'
export const session = 'gateway, session'

export type Way = typeof direct | typeof haproxy | typeof nginx | typeof plain | typeof session

export const ways: readonly Way[] = [direct, haproxy, nginx, plain, session]

/** The client of all ways is the same, but for what a session needs. */
export function clientOf(way: Way): SubjectName {
  return way === session ? 'holdfast, session' : 'ws'
}

/** Clients of broken connections: one that does nothing about them, one that dials again, and one with a session. */
export type ClientKind = 'ws' | 'reconnecting-websocket' | 'holdfast'
