/** HAProxy and nginx as plain proxies of one backend: one process with one thread each, no log, and nothing of the machine's own settings. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unusedPort } from '../../test/peers/port.ts'

interface Kind {
  readonly program: string
  readonly argumentsFor: (folder: string) => readonly string[]
  readonly settings: (port: number, upstreamPort: number, folder: string) => string
}

export type ProxyKind = keyof typeof kinds

const kinds = {
  haproxy: {
    program: 'haproxy',
    argumentsFor: (folder) => ['-db', '-q', '-f', join(folder, 'settings')],
    settings: (port, upstreamPort) => `
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
frontend public
  bind 127.0.0.1:${port}
  default_backend backend
backend backend
  server backend 127.0.0.1:${upstreamPort}
`,
  },
  nginx: {
    program: 'nginx',
    argumentsFor: (folder) => ['-e', 'stderr', '-p', folder, '-c', join(folder, 'settings')],
    settings: (port, upstreamPort, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstreamPort};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
`,
  },
} satisfies Record<string, Kind>

const usageError = 2
/** Debian keeps them where only root looks. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
const startMs = 10_000
const pollMs = 10
const living = new Set<PlainProxy>()
process.on('exit', () => {
  for (const proxy of living) proxy.kill()
})

/** Says what to install, and ends the process, when one is missing. */
export function requireProxies(): void {
  const missing = Object.values(kinds).filter(({ program }) => !isInstalled(program))
  if (missing.length === 0) return
  const packages = missing.map(({ program }) => (program === 'nginx' ? 'nginx-light' : program))
  console.error(
    `${missing.map(({ program }) => program).join(' and ')} cannot be found: apt-get install -y --no-install-recommends ${packages.join(' ')}`,
  )
  console.error('They need not run as services: the bench starts them itself, with settings of its own.')
  process.exit(usageError)
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['-v'], { stdio: 'ignore', env })
    return true
  } catch {
    return false
  }
}

export class PlainProxy implements AsyncDisposable {
  readonly port: number
  readonly #process: ChildProcess
  readonly #folder: string

  /** Resolves when it takes connections. */
  static async start(kind: ProxyKind, upstreamPort: number): Promise<PlainProxy> {
    const { program, argumentsFor, settings } = kinds[kind]
    const folder = mkdtempSync(join(tmpdir(), `holdfast-${program}-`))
    const port = await unusedPort()
    writeFileSync(join(folder, 'settings'), settings(port, upstreamPort, folder))
    const child = spawn(program, argumentsFor(folder), { stdio: ['ignore', 'ignore', 'inherit'], env })
    const proxy = new PlainProxy(port, child, folder)
    try {
      await proxy.#listening(program)
      return proxy
    } catch (error) {
      await proxy[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.#process = child
    this.#folder = folder
    living.add(this)
  }

  get pid(): number {
    return this.#process.pid!
  }

  kill(): void {
    this.#process.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    living.delete(this)
    const ended = this.#isOver ? undefined : new Promise((resolve) => this.#process.once('exit', resolve))
    this.kill()
    await ended
  }

  get #isOver(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  async #listening(program: string): Promise<void> {
    for (const until = performance.now() + startMs; performance.now() < until; await sleep(pollMs)) {
      if (this.#isOver) throw new Error(`${program} ended with ${this.#process.exitCode} before it took connections`)
      if (await isTaken(this.port)) return
    }
    throw new Error(`${program} took no connection within ${startMs} ms`)
  }
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (isOpen: boolean) => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
