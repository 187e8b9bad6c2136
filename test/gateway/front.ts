// nginx and HAProxy in front of a gateway, in processes of their own, each with a configuration of its own in a folder that goes with it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../fault/patience.ts'
import { unusedPort } from '../peers/port.ts'

export interface Front extends AsyncDisposable {
  readonly url: string
  /** Ends it at once, as a machine that fails does, and starts it again at the same port. */
  restart(): Promise<void>
}

export interface Program {
  readonly name: 'nginx' | 'haproxy'
  /** What runs it in the foreground, in a folder with its configuration. */
  readonly command: readonly string[]
  readonly configuration: (port: number, gatewayPort: number, idleMs: number) => string
}

export const nginx: Program = {
  name: 'nginx',
  command: ['nginx', '-e', 'stderr', '-p', '.', '-c', 'configuration'],
  configuration: (port, gatewayPort, idleMs) => `
    daemon off;
    master_process off;
    pid pid;
    error_log stderr crit;
    events {}
    http {
      access_log off;
      client_body_temp_path body;
      proxy_temp_path proxy;
      fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://127.0.0.1:${gatewayPort};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_set_header Host $host:$server_port;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Host $host;
          proxy_read_timeout ${idleMs}ms;
          proxy_send_timeout ${idleMs}ms;
        }
      }
    }`,
}

export const haproxy: Program = {
  name: 'haproxy',
  command: ['haproxy', '-db', '-q', '-f', 'configuration'],
  configuration: (port, gatewayPort, idleMs) => `
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 5s
  timeout server 5s
  timeout tunnel ${idleMs}ms
frontend in
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend out
backend out
  server gateway 127.0.0.1:${gatewayPort}
`,
}

export const fronts: readonly Program[] = [nginx, haproxy]

/** @param idleMs after so long without a byte it ends a connection */
export async function startFront(program: Program, gatewayPort: number, idleMs: number): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), `holdfast-${program.name}-`))
  const port = await unusedPort()
  await writeFile(join(folder, 'configuration'), program.configuration(port, gatewayPort, idleMs))
  let stop = await run(program, folder, port)
  return {
    url: `ws://127.0.0.1:${port}`,
    restart: async () => {
      await stop()
      stop = await run(program, folder, port)
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** It ends when its shell's standard input does: should the test process be killed outright, nothing is left behind. */
const leash = '"$@" & read -r _; { kill -9 $!; wait $!; } 2>/dev/null'

async function run({ name, command }: Program, cwd: string, port: number): Promise<() => Promise<void>> {
  const shell = spawn('sh', ['-c', leash, name, ...command], { cwd, stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(shell, 'close')
  const stop = async (): Promise<void> => {
    shell.stdin.end()
    await ended
  }
  try {
    await until(() => isListening(port), `${name} on port ${port}`)
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => settle(true)).on('error', () => settle(false))
    const settle = (is: boolean): void => {
      socket.destroy()
      resolve(is)
    }
  })
}
