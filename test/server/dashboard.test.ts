// The dashboard in examples/grafana shows what a server really tells: each of its queries is held against the metrics of one that has lived.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Registry } from 'prom-client'
import { registerMetrics } from '../../packages/holdfast/src/server.ts'
import { type Family, parseExposition } from './exposition.ts'
import { liveThrough, options } from './life.ts'
import { type Query, readQuery } from './query.ts'
import { startServer, type TestServer } from './server.ts'

interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
  readonly datasource: object
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: object
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly Target[]
}
interface Variable {
  readonly name: string
  readonly type: string
  readonly query: string | { readonly query: string }
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}

const columns = 24
/** What Prometheus adds to everything that it scrapes. */
const scrapeLabels = ['instance', 'job']
const ranges = ['rate', 'increase']

const file = join(import.meta.dirname, '../../examples/grafana/holdfast.json')
const { panels, templating }: Dashboard = JSON.parse(await readFile(file, 'utf8'))
const graphs = panels.filter(({ type }) => type !== 'row')
const targets = graphs.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))

describe('the dashboard', { timeout: 60_000 }, () => {
  let path: TestServer
  let families: ReadonlyMap<string, Family>

  before(async () => {
    path = await startServer({ ...options, name: 'chat' })
    await liveThrough(path)
    const registry = new Registry()
    registerMetrics(path.server, { registry })
    families = parseExposition(await registry.metrics())
  })
  after(() => path[Symbol.asyncDispose]())

  for (const { title, refId, expr, legendFormat } of targets)
    test(`asks for what is there: ${title} ${refId}`, () => {
      const query = readQuery(withoutVariables(expr))
      assert.deepEqual(faultsOf(query, families), [])
      const known = query.groupings.flatMap(({ labels }) => labels)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(known.includes(label), `a legend by ${label}`)
    })

  test('shows every metric', () => {
    const shown = targets.flatMap(({ expr }) =>
      readQuery(withoutVariables(expr)).selectors.map(({ metric }) => familyOf(metric, families)?.name),
    )
    assert.deepEqual(
      [...families.keys()].filter((name) => !shown.includes(name)),
      [],
    )
  })

  test('has rows for sessions, links, refusals, heartbeats, round trips and buffers', () => {
    const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title)
    for (const row of ['Sessions', 'Links', 'Refusals', 'Heartbeats', 'Round trips', 'Buffers']) assert.ok(rows.includes(row), row)
  })

  test('has panels that say what they show and where it comes from, side by side', () => {
    const variable = templating.list.find(({ type }) => type === 'datasource')!
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    const cells = new Set<string>()
    for (const { title, type, description, datasource, targets: own = [], gridPos } of panels) {
      if (type !== 'row') {
        assert.ok(description, `${title} is described`)
        assert.ok(own.length > 0, `${title} has a query`)
        for (const source of [datasource, ...own.map((target) => target.datasource)])
          assert.deepEqual(source, { type: 'prometheus', uid: `\${${variable.name}}` })
      }
      assert.ok(gridPos.x + gridPos.w <= columns)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!cells.has(`${x} ${y}`), `${title} stands alone`)
          cells.add(`${x} ${y}`)
        }
    }
  })

  test('knows all variables that it uses, and asks for them what is there', () => {
    const names = templating.list.map(({ name }) => name)
    const used = JSON.stringify([panels, templating]).matchAll(/\$\{?(\w+)/g)
    for (const [, name = ''] of used) assert.ok([...names, '__rate_interval', '__all'].includes(name), name)
    for (const { name, type, query } of templating.list.filter((each) => each.type === 'query')) {
      const [, selector = '', label = ''] =
        (query as { query: string }).query.match(/^label_values\((.+), (\w+)\)$/) ?? assert.fail(`${name}: ${type}`)
      const { selectors } = readQuery(withoutVariables(selector))
      assert.deepEqual(faultsOf({ selectors, groupings: [{ labels: [label], selectors }] }, families), [])
    }
  })

  // The check itself, with queries that are wrong.
  const wrong: readonly [query: string, fault: string][] = [
    ['sum(holdfast_session)', 'there is no metric holdfast_session'],
    ['sum(rate(holdfast_downtime_seconds[1m]))', 'there is no metric holdfast_downtime_seconds'],
    ['sum(holdfast_sessions{status="attached"})', 'holdfast_sessions has no label status'],
    ['sum(holdfast_sessions{state="attach"})', 'holdfast_sessions has no series whose state matches /^(?:attach)$/'],
    ['sum by (cause) (holdfast_sessions)', 'holdfast_sessions has no label cause'],
    ['sum(rate(holdfast_sessions[1m]))', 'holdfast_sessions is a gauge, of which there is no rate'],
    [
      'sum by (kind) (rate(holdfast_round_trip_seconds_bucket[1m]))',
      'the buckets of holdfast_round_trip_seconds_bucket are added up; group by le',
    ],
    ['sum(holdfast_resumptions_total)', 'holdfast_resumptions_total is a counter; ask for its rate'],
  ]
  for (const [query, fault] of wrong) test(`would be told: ${fault}`, () => assert.deepEqual(faultsOf(readQuery(query), families), [fault]))
  test('would be told of what is no query', () => {
    for (const text of ['sum by state (x)', 'rate(x[1m]', 'x{a=b}', 'x $y']) assert.throws(() => readQuery(text), SyntaxError)
  })
})

/** As Grafana does with everything selected. */
function withoutVariables(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replace(/\$(server|instance)\b/g, '.*')
}

function familyOf(series: string, families: ReadonlyMap<string, Family>): Family | undefined {
  return [...families.values()].find((family) => family.series.some(({ name }) => name === series))
}

function faultsOf({ selectors, groupings }: Query, families: ReadonlyMap<string, Family>): string[] {
  const faults = selectors.flatMap(({ metric, matchers, function: called }) => {
    const family = familyOf(metric, families)
    if (!family) return [`there is no metric ${metric}`]
    const isRange = called !== undefined && ranges.includes(called)
    if (isRange && family.type === 'gauge') return [`${metric} is a gauge, of which there is no ${called}`]
    if (!isRange && family.type !== 'gauge') return [`${metric} is a ${family.type}; ask for its rate`]
    return matchers.flatMap(({ label, pattern }) => matcherFaults(family, metric, label, pattern))
  })
  const unknown = groupings.flatMap(({ labels, selectors: grouped }) =>
    grouped.flatMap(({ metric }) => {
      const family = familyOf(metric, families)
      if (metric.endsWith('_bucket') && !labels.includes('le')) return [`the buckets of ${metric} are added up; group by le`]
      return family ? labels.filter((label) => !hasLabel(family, metric, label)).map((label) => `${metric} has no label ${label}`) : []
    }),
  )
  return [...faults, ...unknown]
}

function matcherFaults(family: Family, metric: string, label: string, pattern: RegExp): string[] {
  if (scrapeLabels.includes(label)) return []
  if (!hasLabel(family, metric, label)) return [`${metric} has no label ${label}`]
  const isThere = family.series.some(({ name, labels }) => name === metric && pattern.test(labels[label] ?? ''))
  return isThere ? [] : [`${metric} has no series whose ${label} matches ${pattern}`]
}

function hasLabel(family: Family, metric: string, label: string): boolean {
  return scrapeLabels.includes(label) || family.series.some(({ name, labels }) => name === metric && label in labels)
}
