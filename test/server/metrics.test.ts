// The metrics of servers in a registry of prom-client.

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { AggregatorRegistry, Counter, Registry } from 'prom-client'
import { metrics } from '../../packages/holdfast/src/server/metrics.ts'
import { registerMetrics, WebSocketServer } from '../../packages/holdfast/src/server.ts'
import { type Family, parseExposition } from './exposition.ts'
import { liveThrough, options } from './life.ts'
import { begin } from './script-client.ts'
import { startServer } from './server.ts'

async function read(registry: { metrics(): Promise<string> }): Promise<ReadonlyMap<string, Family>> {
  return parseExposition(await registry.metrics())
}

/** What is not zero, as `name{label=value}`; buckets left out, and what time decides. */
function shown(families: ReadonlyMap<string, Family>): Record<string, number> {
  const series = [...families.values()].flatMap((family) => family.series)
  const told = series.filter(({ name, value }) => value !== 0 && !/_bucket$|_seconds_sum$/.test(name))
  return Object.fromEntries(
    told.map(({ name, labels, value }) => {
      const words = Object.entries(labels).filter(([label]) => label !== 'server')
      return [`${name.replace('holdfast_', '')}{${words.map((pair) => pair.join('=')).join(',')}}`, value]
    }),
  )
}

const idle = (name?: string) => new WebSocketServer({ noServer: true, name })

describe('the metrics of a server', { timeout: 60_000 }, () => {
  test('are its totals and its stats, in a form that strict readers take', async () => {
    await using path = await startServer({ ...options, name: 'chat' })
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    await liveThrough(path)
    const families = await read(registry)
    assert.deepEqual(
      [...families.keys()],
      metrics.map(({ name }) => `holdfast_${name}`),
    )
    assert.deepEqual(shown(families), {
      'sessions{state=attached}': 1,
      'sessions{state=detached}': 1,
      'plain_sockets{}': 1,
      'links_opened_total{kind=session}': 7,
      'links_opened_total{kind=resumption}': 6,
      'links_opened_total{kind=plain}': 6,
      'upgrades_refused_total{status=401}': 1,
      'upgrades_refused_total{status=invalid}': 1,
      'sessions_refused_total{why=stale}': 1,
      'sessions_refused_total{why=unknown}': 2,
      'sessions_opened_total{}': 7,
      'sessions_ended_total{cause=client}': 1,
      'sessions_ended_total{cause=server}': 2,
      'sessions_ended_total{cause=protocol}': 1,
      'sessions_ended_total{cause=overflow}': 1,
      'disconnects_total{kind=session,cause=network}': 2,
      'disconnects_total{kind=plain,cause=client}': 1,
      'disconnects_total{kind=plain,cause=server}': 2,
      'disconnects_total{kind=plain,cause=network}': 1,
      'disconnects_total{kind=plain,cause=protocol}': 1,
      'links_closed_total{reason=done}': 2,
      'links_closed_total{reason=superseded}': 1,
      'links_closed_total{reason=refused}': 1,
      'links_closed_total{reason=abandoned}': 2,
      'links_closed_total{reason=violation}': 2,
      'resumptions_total{}': 2,
      'messages_replayed_total{}': 3,
      'downtime_seconds_count{}': 2,
      'pings_total{kind=session}': 1,
      'messages_total{direction=received}': 1,
      'messages_total{direction=sent}': 5,
      'message_bytes_total{direction=received}': 4,
      'message_bytes_total{direction=sent}': 1_008,
    })
    const sum = families.get('holdfast_downtime_seconds')!.series.find(({ name }) => name.endsWith('_sum'))!
    assert.equal(sum.value, path.server.totals.downtimes.sum / 1_000)
  })

  test('name no session, no user and no address', async () => {
    await using path = await startServer(options)
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    const before = await registry.metrics()
    const sids = await liveThrough(path)
    const after = await registry.metrics()
    assert.deepEqual(
      sids.filter((sid) => after.includes(sid)),
      [],
    )
    const labels = (text: string) => text.match(/\{[^}]*\}/g)
    assert.deepEqual(labels(after), labels(before), 'no series appears for what happens')
  })

  test('are the bytes that sessions hold, while they do', async () => {
    await using path = await startServer(options)
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    await liveThrough(path)
    for (const socket of path.server.clients) if (socket.sessionId) socket.send('12345')
    const [held] = (await read(registry)).get('holdfast_buffered_bytes')!.series
    assert.equal(held!.value, 10)
  })

  test('say how thinly clients are to come back, and that the server is going', async () => {
    await using path = await startServer({ ...options, admission: { ratePerSecond: 4 } })
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    const values = async () => {
      const families = await read(registry)
      return ['spread_seconds', 'draining'].map((name) => families.get(`holdfast_${name}`)!.series[0]!.value)
    }
    assert.deepEqual(await values(), [0, 0])
    await begin(path.url)
    assert.deepEqual(await values(), [path.server.stats.spread / 1_000, 0])
    assert.ok(path.server.stats.spread > 0)
    void path.server.drain()
    assert.equal((await values())[1], 1)
  })

  test('stand beside those of other servers, each with its name, until they are taken out', async () => {
    const registry = new Registry()
    const removeChat = registerMetrics(idle('chat'), { registry, labels: { region: 'eu' } })
    const removeOther = registerMetrics(idle(), { registry })
    const servers = async () => (await read(registry)).get('holdfast_plain_sockets')!.series.map(({ labels }) => labels)
    assert.deepEqual(await servers(), [{ server: 'chat', region: 'eu' }, { server: 'default' }])
    removeChat()
    removeChat()
    assert.deepEqual(await servers(), [{ server: 'default' }])
    removeOther()
    assert.equal((await registry.metrics()).trim(), '')
    registerMetrics(idle('chat'), { registry, labels: { server: 'again' } })
    assert.deepEqual(await servers(), [{ server: 'again' }])
  })

  test('escape what a name may have, and get the labels of the registry', async () => {
    const registry = new Registry()
    registry.setDefaultLabels({ app: 'shop' })
    registerMetrics(idle('a "b" \\ c\nd'), { registry, prefix: 'ws:' })
    const [sockets] = (await read(registry)).get('ws:plain_sockets')!.series
    assert.deepEqual(sockets!.labels, { server: 'a "b" \\ c\nd', app: 'shop' })
  })

  test('go on after the registry was reset, and come back after it was cleared', async () => {
    const registry = new Registry()
    const server = idle()
    registerMetrics(server, { registry })
    server.handleUpgrade({ method: 'GET', headers: {} } as never, new PassThrough(), Buffer.alloc(0), () => {})
    registry.resetMetrics()
    const invalid = async () =>
      (await read(registry)).get('holdfast_upgrades_refused_total')!.series.find(({ labels }) => labels.status === 'invalid')!.value
    assert.equal(await invalid(), 1)
    registry.clear()
    registerMetrics(server, { registry })
    assert.equal(await invalid(), 1)
  })

  test('can be told in OpenMetrics, and as JSON', async () => {
    const registry = new Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    registerMetrics(idle(), { registry })
    const text = await registry.metrics()
    assert.match(text, /^# TYPE holdfast_resumptions counter\nholdfast_resumptions_total\{server="default"\} 0$/m)
    assert.ok(text.endsWith('# EOF\n'))
    const json = await registry.getMetricsAsJSON()
    assert.equal(json.length, metrics.length)
  })

  test('of the processes of a cluster are added up', async () => {
    await using path = await startServer(options)
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    await liveThrough(path)
    const json = JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()))
    const one = shown(await read(registry))
    const both = shown(await read(AggregatorRegistry.aggregate([json, json])))
    assert.deepEqual(both, Object.fromEntries(Object.entries(one).map(([series, value]) => [series, 2 * value])))
  })
})

describe('the metrics of a server cannot be registered', () => {
  const registry = new Registry()
  const wrong: readonly [what: string, source: unknown, options: unknown, message: RegExp][] = [
    ['without a server', undefined, { registry }, /metrics are of a WebSocketServer of holdfast\/server, not of undefined/],
    ['with something else', { stats: {} }, { registry }, /not of an object/],
    ['without options', idle(), undefined, /options must be an object, not undefined/],
    ['without a registry', idle(), {}, /option registry is missing; it must be a registry of prom-client: its `register`/],
    [
      'with prom-client in the place of its registry',
      idle(),
      { registry: { Registry, Counter } },
      /option registry is an object; it must be a registry/,
    ],
    [
      'with an unknown option',
      idle(),
      { registry, register: registry },
      /unknown option register \(an object\); known are registry, prefix, labels/,
    ],
    [
      'with a prefix that no name can have',
      idle(),
      { registry, prefix: '1-' },
      /option prefix is "1-"; it must be the beginning of a metric name/,
    ],
    ['with labels that are none', idle(), { registry, labels: 'eu' }, /option labels is "eu"; it must be an object of strings/],
    [
      'with a number for a label',
      idle(),
      { registry, labels: { shard: 1 } },
      /option labels is an object; it must be an object of strings/,
    ],
    ['with a label that no name can have', idle(), { registry, labels: { 'a-b': '' } }, /option labels/],
    ['with a label of ours', idle(), { registry, labels: { cause: 'x' } }, /none of le, .*cause/],
  ]
  for (const [what, source, given, message] of wrong)
    test(what, () => {
      assert.throws(() => registerMetrics(source as never, given as never), { name: 'TypeError', message })
      assert.deepEqual(registry.getMetricsAsArray(), [])
    })

  test('twice under one name', () => {
    const own = new Registry()
    registerMetrics(idle('chat'), { registry: own })
    const message = /shows a server with the labels \{"server":"chat"\} already; give this one another name or other labels/
    assert.throws(() => registerMetrics(idle('chat'), { registry: own }), { name: 'TypeError', message })
    registerMetrics(idle('chat'), { registry: own, prefix: 'other_' })
  })

  test('where a metric of somebody else has one of the names', () => {
    const own = new Registry()
    new Counter({ name: 'holdfast_resumptions_total', help: 'Not ours.', registers: [own] })
    const message = /the registry has a metric holdfast_resumptions_total already; option prefix has to be something else than "holdfast_"/
    assert.throws(() => registerMetrics(idle(), { registry: own }), { name: 'TypeError', message })
    assert.equal(own.getMetricsAsArray().length, 1)
    registerMetrics(idle(), { registry: own, prefix: 'ws_' })
  })
})
