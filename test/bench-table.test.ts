/** The tables of the README and of the guides, and the results of the benches, say the same. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Results } from '../bench/peers/result.ts'
import type { SuiteResults } from '../bench/suite/measure.ts'
import { renderGateway } from '../bench/table/gateway-table.ts'
import { readBlock, replaceBlock } from '../bench/table/marked-block.ts'
import { type Reach, renderReach } from '../bench/table/reach-table.ts'
import { renderTable } from '../bench/table/readme-table.ts'
import { renderSuite } from '../bench/table/suite-table.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('the table', () => {
  it('of the README is what the results of the bench say', () => {
    const results: Results = JSON.parse(readFileSync(new URL('../bench/results.json', import.meta.url), 'utf8'))
    assert.equal(readBlock(readme, 'bench'), renderTable(results), 'npm run bench:table')
    assert.equal(results.isQuick, false, 'a quick run is nothing to quote from: npm run bench')
  })
  it('of the README is what the results of the reach measures say', () => {
    const reach: Reach = JSON.parse(readFileSync(new URL('../bench/reach.json', import.meta.url), 'utf8'))
    assert.equal(readBlock(readme, 'reach'), renderReach(reach), 'npm run bench:table')
    assert.equal(reach.isQuick, false, 'a quick run is nothing to quote from: npm run bench:reach')
  })

  it('of the guide to the gateway is what the results of its bench say', () => {
    const guide = readFileSync(new URL('../docs/guide/gateway-figures.md', import.meta.url), 'utf8')
    const results: SuiteResults = JSON.parse(readFileSync(new URL('../bench/gateway.json', import.meta.url), 'utf8'))
    assert.equal(readBlock(guide, 'gateway'), renderGateway(results), 'npm run bench:table')
    assert.equal(results.isQuick, false, 'a quick run is nothing to quote from: npm run bench:gateway')
  })

  const results: Results = {
    date: '2026-01-02',
    node: '24.0.0',
    machine: '2 × abacus',
    command: 'npm run bench',
    isQuick: false,
    seconds: 1,
    versions: { holdfast: '1', ws: '2', 'reconnecting-websocket': '3', partysocket: '4', 'websocket-ts': '5', 'socket.io': '6' },
    measures: [
      {
        name: 'outage',
        title: '',
        verdicts: [],
        rows: [
          {
            id: 'notice/default',
            what: 'noticed',
            unit: 's',
            n: 5,
            cells: {
              holdfast: { kind: 'figure', value: 1, low: 1, high: 1 },
              'holdfast, reconnecting': { kind: 'figure', value: 25.04, low: 20, high: 30 },
              ws: { kind: 'never', withinS: 60 },
              partysocket: { kind: 'absent', why: 'not asked' },
              'socket.io': { kind: 'figure', value: 1234.5, low: 1, high: 2 },
            },
          },
        ],
      },
    ],
  }

  it('has a column for each library, and a word for what did not happen', () => {
    const [head, rule, row, gap, caption] = renderTable(results).split('\n')
    assert.equal(head, '| | holdfast | ws | reconnecting-websocket | partysocket | websocket-ts | socket.io | n |')
    assert.equal(rule, '|---|--:|--:|--:|--:|--:|--:|--:|')
    assert.equal(row, '| notices that an idle link is dead, out of the box, s | 25 | not in 60 s | – | – | – | 1235 | 5 |')
    assert.equal(gap, '')
    assert.match(caption!, /2026-01-02 with Node 24\.0\.0 on 2 × abacus.*`npm run bench`.*holdfast 1, ws 2, .*socket\.io 6/)
  })
})

describe('the tables of the guides', () => {
  for (const [page, names] of [
    ['sessions.md', ['sessions']],
    ['scale.md', ['server', 'storm', 'fleet']],
  ] as const) {
    const guide = readFileSync(new URL(`../docs/guide/${page}`, import.meta.url), 'utf8')
    for (const name of names) {
      it(`are what the results of bench:${name} say`, () => {
        const results: SuiteResults = JSON.parse(readFileSync(new URL(`../bench/${name}.json`, import.meta.url), 'utf8'))
        assert.equal(readBlock(guide, name), renderSuite(results), 'npm run bench:table')
        assert.equal(results.isQuick, false, `a quick run is nothing to quote from: npm run bench:${name}`)
      })
    }
  }

  it('have a line for each subject, and a column for each figure', () => {
    const row = { id: 'stall', what: 'stall', unit: 'ms', n: 5 }
    const rows = [
      { ...row, cells: { ws: { kind: 'figure', value: 416.4, low: 1, high: 1 }, ours: { kind: 'never', withinS: 9 } } },
      { ...row, what: 'cut', unit: 'clients', cells: { other: { kind: 'absent', why: 'no heartbeat' } } },
    ] as const
    const measures = [{ name: 'a', title: 'A round', rows, verdicts: [] }]
    const common = {
      date: '2026-01-02',
      node: '24.0.0',
      machine: '2 × abacus',
      command: 'npm run it',
      isQuick: false,
      seconds: 1,
      versions: {},
    }
    assert.equal(
      renderSuite({ ...common, measures }),
      [
        'A round:',
        '',
        '|  | stall, ms | cut, clients |',
        '| --- | --: | --: |',
        '| ws | 416 |  |',
        '| ours | not in 9 s |  |',
        '| other |  | no heartbeat |',
        '',
        'Taken on 2026-01-02 with Node 24.0.0 on 2 × abacus: `npm run it` makes them anew.',
      ].join('\n'),
    )
  })
})

describe('a generated block', () => {
  const text = 'before\n<!-- x -->\nold\n<!-- /x -->\nafter\n'

  it('is replaced between its markers, and nothing else is', () => {
    assert.equal(replaceBlock(text, 'x', 'new'), 'before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n')
    assert.equal(readBlock(replaceBlock(text, 'x', 'new'), 'x'), 'new')
  })
  it('is read without the lines around it', () => assert.equal(readBlock(text, 'x'), 'old'))
  it('is not there without both markers', () => {
    assert.equal(readBlock('<!-- x -->', 'x'), undefined)
    assert.equal(readBlock('<!-- /x -->', 'x'), undefined)
    assert.throws(() => replaceBlock('', 'x', ''), RangeError)
  })
})
