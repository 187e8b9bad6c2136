/** Listening on an address, with a clear word where that cannot be. */

import { once } from 'node:events'
import { rmSync, statSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { UsageError } from '../usage-error.ts'
import { type Address, renderAddress } from './address.ts'

/**
 * Returns where it listens now, a free port filled in.
 *
 * @param setting names it where that fails @throws UsageError
 */
export async function listenOn(server: Server, address: Address, setting: string): Promise<Address> {
  try {
    await tryToListen(server, address).catch(async (error: NodeJS.ErrnoException) => {
      if (address.kind !== 'unix' || error.code !== 'EADDRINUSE' || !(await isLeftBehind(address.path))) throw error
      rmSync(address.path)
      await tryToListen(server, address)
    })
  } catch (error) {
    throw new UsageError(`${setting} ${renderAddress(address)}: ${problemOf(error as NodeJS.ErrnoException, address)}`, { cause: error })
  }
  const bound = server.address()
  return bound === null || typeof bound === 'string' ? address : { kind: 'tcp', host: bound.address, port: bound.port }
}

async function tryToListen(server: Server, address: Address): Promise<void> {
  server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port })
  await once(server, 'listening')
}

/** A process that was killed leaves its socket in the file system, and nobody listens there. */
async function isLeftBehind(path: string): Promise<boolean> {
  if (!statSync(path).isSocket()) return false
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

function problemOf({ code, message }: NodeJS.ErrnoException, { kind }: Address): string {
  switch (code) {
    case 'EADDRINUSE':
      return `this ${kind === 'unix' ? 'path' : 'port'} is already in use; choose another, or stop what listens there`
    case 'EACCES':
      return `permission denied${kind === 'tcp' ? '; a port below 1024 needs CAP_NET_BIND_SERVICE' : ''} (${message})`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no such address (${message})`
    default:
      return message
  }
}
