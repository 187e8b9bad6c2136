// SIGTERM in one line: readiness, drain, close, and then nothing is left that keeps the process.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type DrainOptions, gracefulShutdown } from '../../packages/holdfast/src/server.ts'
import { until } from '../fault/patience.ts'
import { begin, dial } from './script-client.ts'
import { turn } from './server.ts'

const program = fileURLToPath(new URL('shutdown-process.ts', import.meta.url))

async function start(...args: string[]) {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: any[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  await until(() => lines.length > 0, 'port')
  const events = (name: string) => lines.filter(({ event }) => event === name)
  return { child, lines, events, url: `ws://127.0.0.1:${lines[0].port}`, ready: `http://127.0.0.1:${lines[0].port}/ready` }
}

describe('a process with gracefulShutdown', { timeout: 60_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`fails its readiness on ${signal}, drains, closes and ends by itself`, async () => {
      const { child, lines, url, events } = await start()
      const { link } = await begin(url)
      const plain = await dial(url, [])
      await until(() => events('open').length === 2, 'clients')
      child.kill(signal)
      assert.deepEqual(JSON.parse(await link.nextControl('F')), { code: 1012, reason: 'restart' })
      link.control('A', 1)
      link.control('F', { code: 1012, reason: 'restart' })
      assert.equal((await plain.closed).code, 1012)
      const [code] = await once(child, 'exit')
      assert.deepEqual(lines.slice(-1).concat(events('draining')), [
        { event: 'over', migrated: 0, closed: 2, forced: 0, listeners: 0 },
        { event: 'draining', isRefusing: false },
      ])
      assert.equal(code, 0)
    })

  test('goes on taking clients for the delay in which balancers notice, and a second signal ends the waiting and all that is left', async () => {
    const { child, url, ready, events } = await start('0', '600000', '1')
    await begin(url)
    child.kill('SIGTERM')
    await until(() => events('draining').length === 1, 'signal')
    assert.equal((await fetch(ready)).status, 503)
    const late = await begin(url)
    child.kill('SIGTERM')
    assert.equal((await late.link.closed).code, 3805)
    await once(child, 'exit')
    assert.deepEqual(events('over'), [{ event: 'over', migrated: 0, closed: 0, forced: 2, listeners: 0 }])
  })
})

describe('gracefulShutdown', { timeout: 60_000 }, () => {
  const signals = ['SIGWINCH'] as const
  const ours = process.listenerCount('SIGWINCH') // whoever runs the tests may listen, too

  test('passes rate and timeout on, closes what can be closed, and takes its listeners away', async () => {
    const calls: unknown[] = []
    const server = {
      drain: ({ signal, ...rest }: DrainOptions = {}) => {
        calls.push(rest, signal?.aborted)
        return Promise.resolve({ migrated: 0, closed: 7, forced: 0 })
      },
      [Symbol.asyncDispose]: async () => {
        calls.push('closed')
      },
    }
    const done = gracefulShutdown(server, { signals, rate: 5, timeout: 100, onDraining: () => calls.push('draining') })
    assert.equal(process.listenerCount('SIGWINCH'), ours + 1)
    process.kill(process.pid, 'SIGWINCH')
    assert.deepEqual(await done, { migrated: 0, closed: 7, forced: 0 })
    assert.deepEqual(calls, ['draining', { rate: 5, timeout: 100 }, false, 'closed'])
    assert.equal(process.listenerCount('SIGWINCH'), ours)
  })

  test('drains also when the application’s part of it fails, and then says so', async () => {
    let drains = 0
    const server = {
      drain: async () => {
        drains++
        return { migrated: 0, closed: 0, forced: 0 }
      },
    }
    const onDraining = () => {
      throw new Error('no probe')
    }
    const done = gracefulShutdown(server, { signals, onDraining })
    process.kill(process.pid, 'SIGWINCH')
    await assert.rejects(done, /no probe/)
    await turn()
    assert.deepEqual([drains, process.listenerCount('SIGWINCH')], [1, ours])
  })

  test('has options that are checked', () => {
    const server = { drain: () => Promise.reject(new Error('not asked for')) }
    for (const [options, message] of [
      [null, /options of gracefulShutdown must be an object, not null/],
      [{ signal: 'SIGTERM' }, /unknown option signal \("SIGTERM"\); known are signals, delay, rate, timeout, onDraining/],
      [{ signals: [] }, /option signals is an array; it must be an array of names of signals/],
      [{ delay: -1 }, /option delay is -1; it must be a number of milliseconds from 0/],
      [{ rate: '5' }, /option rate is "5"/],
      [{ onDraining: true }, /option onDraining is true; it must be a function/],
    ] as const)
      assert.throws(() => gracefulShutdown(server, options as never), { name: 'TypeError', message })
  })
})
