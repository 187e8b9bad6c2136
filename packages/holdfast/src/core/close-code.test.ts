import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeCode, closeCodes, codeOutcome, statusOutcome } from './close-code.ts'

const codes = Array.from({ length: 4_000 }, (_, index) => 1_000 + index)
const retriedOf4xx = [8, 25, 29]

test('these codes are final and every other one is retried', () => {
  const named = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]
  const borrowed = codes.filter((code) => code >= 4400 && code <= 4499 && !retriedOf4xx.includes(code - 4400))
  const final = codes.filter((code) => closeCode(code).outcome === 'final')
  assert.deepEqual(final, [...named, ...borrowed])
})

test('the table says of each code what the rule says', () => {
  for (const { code, outcome } of closeCodes) assert.equal(outcome, codeOutcome(code))
})

test('a refused upgrade is final with a 4xx but 408, 425 and 429', () => {
  const statuses = Array.from({ length: 500 }, (_, index) => 100 + index)
  const final = statuses.filter((status) => statusOutcome(status) === 'final')
  assert.deepEqual(
    final,
    statuses.filter((status) => status >= 400 && status <= 499 && !retriedOf4xx.includes(status - 400)),
  )
})

test('every code has a row that carries it, and a name', () => {
  for (const code of codes) {
    assert.equal(closeCode(code).code, code)
    assert.notEqual(closeCode(code).name, '')
  }
  for (const row of closeCodes) assert.equal(closeCode(row.code), row)
})

test('codes without a name of their own are called after the status they borrow, or after the application', () => {
  assert.equal(closeCode(4401).name, 'HTTP 401')
  assert.equal(closeCode(4399).name, 'application')
  assert.equal(closeCode(4500).name, 'application')
})
