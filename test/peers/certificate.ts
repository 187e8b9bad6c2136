// A private certificate authority and a server certificate it signed, for tests over `wss:`.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** PEM texts. */
export interface Certificate {
  /** What a client has to trust. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const validDays = '2'
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

// openssl's own configuration differs from system to system, so none of it is used.
const config = `
[req]
distinguished_name = name
prompt = no
[name]
CN = holdfast tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
`

/** For 127.0.0.1, ::1 and localhost. The files that openssl needs are gone when this settles. */
export async function createCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-certificate-'))
  const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)('openssl', args, { cwd: folder })
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')
  try {
    await writeFile(join(folder, 'config'), config)
    const fromConfig = ['-config', 'config']
    await openssl(
      'req',
      '-x509',
      ...newKey,
      ...fromConfig,
      '-extensions',
      'authority',
      '-days',
      validDays,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    )
    await openssl('req', '-new', ...newKey, ...fromConfig, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
    const signedBy = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    const extensions = ['-extfile', 'config', '-extensions', 'server']
    await openssl('x509', '-req', '-in', 'server.csr', ...signedBy, ...extensions, '-days', validDays, '-out', 'server.pem')
    return { ca: await read('ca.pem'), cert: await read('server.pem'), key: await read('server.key') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
