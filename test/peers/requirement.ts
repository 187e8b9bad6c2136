// What a suite needs of the machine. Where that is missing the suite is skipped and says how to enable it; in CI it fails.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { canNamespace } from './namespace.ts'
import { python } from './python.ts'

export type Requirement = 'gorilla' | 'python' | 'openssl' | 'namespaces' | 'iptables' | 'nft' | 'tmux' | 'nginx' | 'haproxy' | 'systemd'

interface Probe {
  /** Why it cannot be used here; `undefined` when it can. */
  readonly missing: () => string | undefined
  /** One command that enables it. */
  readonly enable: string
}

const install = (...packages: string[]): string => `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`

const probes: Record<Requirement, Probe> = {
  gorilla: {
    missing: () =>
      !runs('go', 'version')
        ? 'there is no go'
        : !existsSync('/usr/share/gocode/src/github.com/gorilla/websocket')
          ? "Debian's gorilla/websocket is not installed"
          : undefined,
    enable: install('golang-go', 'golang-github-gorilla-websocket-dev'),
  },
  python: {
    missing: () => (runs(python, '-c', 'import websockets') ? undefined : `${python} has no websockets`),
    enable: install('python3', 'python3-websockets'),
  },
  openssl: {
    missing: () => (runs('openssl', 'version') ? undefined : 'there is no openssl'),
    enable: install('openssl'),
  },
  namespaces: {
    missing: canNamespace,
    enable: `${install('iproute2', 'iptables')} && sudo npm test (in a container: with --privileged)`,
  },
  iptables: {
    missing: () => (runs('iptables', '--version') ? undefined : 'there is no iptables'),
    enable: install('iptables'),
  },
  nft: {
    missing: () => (runs('nft', '--version') ? undefined : 'there is no nft'),
    enable: install('nftables'),
  },
  tmux: {
    missing: () => (runs('tmux', '-V') ? undefined : 'there is no tmux'),
    enable: install('tmux'),
  },
  nginx: {
    missing: () => (runs('nginx', '-v') ? undefined : 'there is no nginx'),
    enable: install('nginx-light'),
  },
  haproxy: {
    missing: () => (runs('haproxy', '-v') ? undefined : 'there is no haproxy'),
    enable: install('haproxy'),
  },
  systemd: {
    missing: () => (runs('systemd-analyze', '--version') ? undefined : 'there is no systemd-analyze'),
    enable: install('systemd'),
  },
}

const known = new Map<Requirement, string | undefined>()

/**
 * Options for `describe` or `test`: empty when the machine has everything, else `skip` with the reason and the cure.
 *
 * @throws {Error} with the same words when `CI` is set: there nothing may be skipped unnoticed
 * @example describe('against gorilla', needs('gorilla'), () => …)
 */
export function needs(...requirements: readonly Requirement[]): { skip?: string } {
  for (const requirement of requirements) {
    if (!known.has(requirement)) known.set(requirement, probes[requirement].missing())
    const reason = known.get(requirement)
    if (reason === undefined) continue
    const skip = `${requirement}: ${reason} — enable with: ${probes[requirement].enable}`
    if (isCI(process.env)) throw new Error(`${skip} (a missing requirement fails the run because CI is set)`)
    return { skip }
  }
  return {}
}

function isCI({ CI }: NodeJS.ProcessEnv): boolean {
  return CI !== undefined && !['', '0', 'false'].includes(CI)
}

function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
