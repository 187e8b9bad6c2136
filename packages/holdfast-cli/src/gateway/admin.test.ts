import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { type AdminOptions, createAdmin, type Readiness } from './admin.ts'

interface Told {
  readonly status: number | undefined
  readonly body: string
}

describe('the admin listener', () => {
  let server: Server
  let readiness: Readiness = 'starting'
  let drains = 0
  const options: AdminOptions = {
    hosts: ['gateway.internal'],
    readiness: () => readiness,
    sessions: () => [{ session: '7f3a', attached: true }],
    metrics: async () => ({ type: 'text/plain; version=0.0.4', text: 'holdfast_sessions 1\n' }),
    drain: () => {
      drains++
      readiness = 'draining'
    },
  }
  before(async () => {
    server = createAdmin(options).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())

  /** `fetch` chooses its Host itself. */
  async function ask(path: string, { method = 'GET', ...headers }: Record<string, string> = {}): Promise<Told> {
    const { port } = server.address() as AddressInfo
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end()
    const [response] = await once(asked, 'response')
    return { status: response.statusCode, body: await text(response) }
  }

  test('is alive from the beginning, and ready only while it is', async () => {
    assert.deepEqual(await ask('/livez'), { status: 200, body: 'alive\n' })
    assert.deepEqual(await ask('/readyz'), { status: 503, body: 'starting\n' })
    readiness = 'ready'
    assert.deepEqual(await ask('/readyz'), { status: 200, body: 'ready\n' })
    readiness = 'draining'
    assert.deepEqual(await ask('/readyz'), { status: 503, body: 'draining\n' })
    assert.deepEqual(await ask('/livez'), { status: 200, body: 'alive\n' })
  })

  test('shows metrics and sessions', async () => {
    assert.deepEqual(await ask('/metrics'), { status: 200, body: 'holdfast_sessions 1\n' })
    const { status, body } = await ask('/api/sessions?x=1')
    assert.deepEqual([status, JSON.parse(body)], [200, { sessions: [{ session: '7f3a', attached: true }] }])
    assert.deepEqual(await ask('/livez', { method: 'HEAD' }), { status: 200, body: '' })
  })

  test('begins to drain at a POST, which says so', async () => {
    const before = drains
    assert.deepEqual(await ask('/api/drain', { method: 'POST' }), { status: 202, body: '{"state":"draining"}\n' })
    assert.equal(drains, before + 1)
  })

  test('changes nothing for a page in a browser, nor at another method', async () => {
    const before = drains
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:9090'])
      assert.equal((await ask('/api/drain', { method: 'POST', Origin: origin })).status, 403, origin)
    assert.equal((await ask('/api/drain')).status, 405)
    assert.equal((await ask('/api/sessions', { method: 'POST' })).status, 405)
    assert.equal(drains, before)
  })

  test('answers to addresses, localhost and its own names only', async () => {
    for (const host of ['127.0.0.1:9090', '[::1]:9090', '10.1.2.3', 'localhost', 'LOCALHOST:9090', 'gateway.internal:9090'])
      assert.equal((await ask('/livez', { Host: host })).status, 200, host)
    for (const host of [
      'evil.example',
      'evil.example:9090',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'a b',
      '[::1',
      '127.0.0.1@evil',
    ])
      assert.equal((await ask('/api/sessions', { Host: host })).status, 403, host)
  })

  test('names what there is where something else is asked for', async () => {
    const { status, body } = await ask('/readz')
    assert.equal(status, 404)
    assert.match(body, /there is no \/readz; there are \/livez, \/readyz, .* \(did you mean \/readyz\?\)/)
    assert.equal((await ask('/constructor')).status, 404)
  })

  test('whose metrics cannot be had says why', async () => {
    const broken = createAdmin({ ...options, metrics: () => Promise.reject(new Error('no metrics today')) }).listen(0, '127.0.0.1')
    await once(broken, 'listening')
    const response = await fetch(`http://127.0.0.1:${(broken.address() as AddressInfo).port}/metrics`)
    assert.deepEqual([response.status, await response.text()], [500, 'no metrics today\n'])
    broken.close()
  })
})
