// HAProxy in front of servers that say at /ready whether they are.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../fault/patience.ts'
import { unusedPort } from './port.ts'

export interface Balancer extends AsyncDisposable {
  readonly url: string
  /** Waits until it sends clients to all its servers. */
  allUp(): Promise<void>
}

const statusPath = '/haproxy'

const config = (port: number, servers: readonly number[]) => `
global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout check 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  option redispatch
frontend front
  bind 127.0.0.1:${port}
  stats enable
  stats uri ${statusPath}
  default_backend servers
backend servers
  balance leastconn
  option httpchk GET /ready
  default-server check inter 100ms fall 1 rise 1
${servers.map((each) => `  server s${each} 127.0.0.1:${each}\n`).join('')}`

/** The processes that are still to be ended if a test is. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** @param servers their ports on this machine */
export async function startBalancer(servers: readonly number[]): Promise<Balancer> {
  const port = await unusedPort()
  const folder = await mkdtemp(join(tmpdir(), 'haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, config(port, servers))
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'ignore'] })
  living.add(child)
  const gone = once(child, 'exit').then(() => living.delete(child))
  await until(() => canConnect(port), 'balancer')
  return {
    url: `ws://127.0.0.1:${port}`,
    allUp: () => until(async () => (await upOnes(port)) === servers.length, 'readiness of all servers'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await gone
      await rm(folder, { recursive: true })
    },
  }
}

/** How many servers its checks found ready. */
async function upOnes(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${statusPath};csv`)
  const rows = (await response.text()).split('\n').map((line) => line.split(','))
  const column = rows[0]!.indexOf('status')
  return rows.filter((row) => row[1]?.startsWith('s') && row[column] === 'UP').length
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
