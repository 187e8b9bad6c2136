// Starts the gorilla/websocket server that stands in for every Go backend.

import { execFile } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ProcessPeer, startProcess } from './process.ts'

export interface GorillaOptions {
  /** Divides the server's read deadline (60 s), ping period (30 s) and write deadline (10 s). @default 1 */
  readonly scale?: number
  /** @default '127.0.0.1' */
  readonly host?: string
  /** A port that was this peer's before, to come back at the same URL. @default a free one */
  readonly port?: number
  /** A command to run it under, such as a namespace's. */
  readonly within?: readonly string[]
}

const source = fileURLToPath(new URL('./gorilla/main.go', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/holdfast/', import.meta.url))
const binary = `${cache}gorilla-server`
let built: Promise<string> | undefined

/**
 * Endpoints: `/echo`, `/feed?every=10ms`, `/silent`, `/close?code=4401&reason=x&after=0ms`, `/greet-close?code=0`,
 * `/refuse?status=503&retryAfter=5`, `/slow?delay=5s`; `protocol=a,b` on any of them. Events: `attempt`, `connected`, `ping`,
 * `pong`, `read deadline`, `write deadline`, `closed`, `abandoned`.
 */
export async function startGorilla(options: GorillaOptions = {}): Promise<ProcessPeer> {
  const { scale = 1, host = '127.0.0.1', port = 0, within = [] } = options
  const args = ['-listen', `${host}:${port}`, '-scale', String(scale)]
  return startProcess({ name: 'gorilla server', command: await (built ??= build()), args, host, within })
}

/** Compiles the server unless that has been done since it was last changed. */
async function build(): Promise<string> {
  if (modifiedAt(binary) > modifiedAt(source)) return binary
  mkdirSync(cache, { recursive: true })
  // Test files run in processes of their own: each builds beside the real place and moves, so that none ever starts half a file.
  const fresh = `${binary}.${process.pid}`
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', GOCACHE: `${cache}go-build` }
  try {
    await promisify(execFile)('go', ['build', '-o', fresh, source], { cwd: dirname(source), env })
    renameSync(fresh, binary)
  } finally {
    rmSync(fresh, { force: true })
  }
  return binary
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
