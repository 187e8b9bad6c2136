// Two real hosts on one machine: network namespaces joined by a cable, with a kernel on each side that believes in its TCP.
//
//   client ── eth0 10.83.0.1 ═════ veth ═════ eth0 10.83.0.2 ── server
//
// Packets are dropped where they arrive: the sender's kernel has sent them and hears nothing, as on a black-holed path.

import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { promisify } from 'node:util'

export interface Host {
  readonly name: string
  readonly address: string
  /** Put before a command to run it on this host; the process keeps the id that the caller learns. */
  readonly within: readonly string[]
  /** Starts a process on this host; `dispose` ends it at the latest. */
  run(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** Takes this host's own interface down, as a laptop does whose Wi-Fi goes. */
  linkDown(): Promise<void>
  linkUp(): Promise<void>
}

export type Direction = 'both' | 'toServer' | 'toClient'

export interface Namespaces extends AsyncDisposable {
  readonly client: Host
  readonly server: Host
  /** Drops packets without a word. @default 'both' directions */
  dropPackets(direction?: Direction): Promise<void>
  /** Ends every drop. */
  passPackets(): Promise<void>
  /** Ends every process on both hosts and removes them, whatever state they are in. */
  dispose(): Promise<void>
}

export type Firewall = 'iptables' | 'nft'

const execute = promisify(execFile)
const prefix = 'holdfast'
const network = '10.83.0'
const prefixLength = 24
const link = 'eth0'
const noFirewall = 'neither iptables nor nft works here'

const firewalls: Record<
  Firewall,
  { readonly drop: readonly string[]; readonly pass: readonly string[]; readonly probe: readonly string[] }
> = {
  iptables: {
    drop: ['iptables', '-w', '-I', 'INPUT', '-i', link, '-j', 'DROP'],
    pass: ['iptables', '-w', '-F', 'INPUT'],
    probe: ['iptables', '-w', '-L', '-n'],
  },
  nft: {
    drop: [
      'nft',
      `add table ip holdfast; add chain ip holdfast arriving { type filter hook input priority 0; policy accept; }; add rule ip holdfast arriving iifname ${link} drop`,
    ],
    pass: ['nft', 'add table ip holdfast; delete table ip holdfast'],
    probe: ['nft', 'list', 'ruleset'],
  },
}

const existing = new Set<string>()
let created = 0
process.on('exit', () => {
  for (const name of existing) {
    try {
      endProcesses(execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }))
      execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
    } catch {
      // What is left is removed by the next run.
    }
  }
})

/** Needs root, or a container with `--privileged`; see `canNamespace`. */
export async function createNamespaces(firewall?: Firewall): Promise<Namespaces> {
  await removeAbandoned()
  const id = `${prefix}-${process.pid}-${++created}`
  const client = host(`${id}-client`, `${network}.1`)
  const server = host(`${id}-server`, `${network}.2`)
  const hosts = [client, server]
  const dispose = async (): Promise<void> => {
    for (const { name } of hosts) await remove(name)
  }
  try {
    for (const { name } of hosts) {
      existing.add(name)
      await root('ip', 'netns', 'add', name)
    }
    const far = ['peer', 'name', link, 'netns', server.name]
    await root('ip', 'link', 'add', link, 'netns', client.name, 'type', 'veth', ...far)
    for (const { name, address, linkUp } of hosts) {
      await root('ip', '-n', name, 'address', 'add', `${address}/${prefixLength}`, 'dev', link)
      await root('ip', '-n', name, 'link', 'set', 'lo', 'up')
      await linkUp()
    }
    firewall ??= firewallIn(client.within)
    if (firewall === undefined) throw new Error(noFirewall)
  } catch (error) {
    await dispose()
    throw error
  }
  const { drop, pass } = firewalls[firewall]
  return {
    client,
    server,
    dropPackets: async (direction = 'both') => {
      if (direction !== 'toClient') await root(...server.within, ...drop)
      if (direction !== 'toServer') await root(...client.within, ...drop)
    },
    passPackets: async () => {
      for (const { within } of hosts) await root(...within, ...pass)
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

/** Why namespaces cannot be made here; `undefined` when they can. */
export function canNamespace(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has network namespaces'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `${prefix}-${process.pid}-probe`
  existing.add(name)
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' })
    execFileSync('ip', ['-n', name, 'link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}-far`], { stdio: 'pipe' })
    return firewallIn(within(name)) === undefined ? noFirewall : undefined
  } catch (error) {
    return `network namespaces cannot be made here (${(error as Error).message.trim().replaceAll(/\s+/g, ' ')})`
  } finally {
    try {
      execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
    } catch {
      // It never came into being.
    }
    existing.delete(name)
  }
}

function host(name: string, address: string): Host {
  return {
    name,
    address,
    within: within(name),
    run: (command, args, options = {}) => spawn('ip', ['netns', 'exec', name, command, ...args], options),
    linkDown: () => root('ip', '-n', name, 'link', 'set', link, 'down'),
    linkUp: () => root('ip', '-n', name, 'link', 'set', link, 'up'),
  }
}

function within(name: string): readonly string[] {
  return ['ip', 'netns', 'exec', name]
}

function firewallIn(inside: readonly string[]): Firewall | undefined {
  return (['iptables', 'nft'] as const).find((firewall) => {
    const [file = '', ...args] = [...inside, ...firewalls[firewall].probe]
    try {
      execFileSync(file, args, { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}

async function root(file = '', ...args: string[]): Promise<void> {
  await execute(file, args)
}

async function remove(name: string): Promise<void> {
  if (!existing.has(name)) return
  const { stdout } = await execute('ip', ['netns', 'pids', name]).catch(() => ({ stdout: '' }))
  endProcesses(stdout)
  await root('ip', 'netns', 'delete', name).catch(() => {})
  existing.delete(name)
}

/** A process in a namespace keeps its interfaces, and with them its connections, alive after the name is gone. */
function endProcesses(ids: string): void {
  for (const id of ids.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(id), 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** A test process that was killed outright could not clean up; its namespaces carry its id. */
async function removeAbandoned(): Promise<void> {
  const { stdout } = await execute('ip', ['netns', 'list'])
  for (const [name = '', owner] of stdout.matchAll(new RegExp(`^${prefix}-(\\d+)-\\S+`, 'gm'))) {
    if (isRunning(Number(owner))) continue
    existing.add(name)
    await remove(name)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
