import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { type Certificate, createCertificate } from './certificate.ts'
import { dial, nextMessage } from './client.ts'
import { needs } from './requirement.ts'
import { startWs } from './ws.ts'

describe('a certificate of a private authority', needs('openssl'), () => {
  let certificate: Certificate
  before(async () => {
    certificate = await createCertificate()
  })

  test('serves wss to a client that trusts the authority, by address and by name', async () => {
    await using peer = await startWs({ tls: certificate })
    for (const url of [peer.url, `wss://localhost:${peer.port}`]) {
      const { socket, opened } = dial(`${url}/echo`, [], { ca: certificate.ca, family: 4 })
      await opened
      socket.send('private')
      assert.equal(String((await nextMessage(socket)).data), 'private')
      socket.terminate()
    }
  })

  test('is refused by a client that does not', async () => {
    await using peer = await startWs({ tls: certificate })
    await assert.rejects(once(new WebSocket(`${peer.url}/echo`), 'open'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    assert.equal(peer.attempts.length, 0)
  })

  test('leaves no file behind', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
    const { TMPDIR } = process.env
    t.after(async () => {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
      await rm(folder, { recursive: true })
    })
    process.env.TMPDIR = folder
    await createCertificate()
    assert.deepEqual(await readdir(folder), [])
  })
})
