import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectTimeout } from './connect-timeout.ts'

function afterExpiries(timeout: ConnectTimeout, count: number): number[] {
  return Array.from({ length: count }, () => {
    timeout.expired()
    return timeout.ms
  })
}

test('before any success it is what was asked for, doubled after each dial that ran out of time, up to thirty seconds', () => {
  const timeout = new ConnectTimeout(10_000)
  assert.equal(timeout.ms, 10_000)
  assert.deepEqual(afterExpiries(timeout, 3), [20_000, 30_000, 30_000])
})

test('one that was asked to be longer than thirty seconds stays as it is', () => {
  const timeout = new ConnectTimeout(45_000)
  assert.equal(timeout.ms, 45_000)
  assert.deepEqual(afterExpiries(timeout, 2), [45_000, 45_000])
})

test('after a success it is eight times what that took, and two seconds at least', () => {
  const timeout = new ConnectTimeout(10_000)
  timeout.succeeded(20)
  assert.equal(timeout.ms, 2_000)
  timeout.succeeded(500)
  assert.equal(timeout.ms, 4_000)
  timeout.succeeded(3_600_000)
  assert.equal(timeout.ms, 30_000)
})

test('a success ends the doubling', () => {
  const timeout = new ConnectTimeout(10_000)
  timeout.succeeded(20)
  assert.deepEqual(afterExpiries(timeout, 5), [4_000, 8_000, 16_000, 30_000, 30_000])
  timeout.succeeded(300)
  assert.equal(timeout.ms, 2_400)
})

test('somebody who asked for less than two seconds is not given two', () => {
  const timeout = new ConnectTimeout(500)
  timeout.succeeded(1)
  assert.equal(timeout.ms, 500)
  timeout.succeeded(100)
  assert.equal(timeout.ms, 800)
})

test('it stays a number of milliseconds however many dials run out of time', () => {
  const timeout = new ConnectTimeout(1)
  assert.equal(afterExpiries(timeout, 5_000).at(-1), 30_000)
})
