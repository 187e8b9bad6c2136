import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { abnormalClose, type CloseInfo, sessionLost } from './close-info.ts'
import { type RetryConfig, RetryRule } from './retry-rule.ts'

const retry = { minDelay: 1_000, maxDelay: 30_000, factor: 2, jitter: 'none', maxRetries: 10, stableAfter: 30_000 } as const

function rule(overrides: Partial<RetryConfig> = {}): RetryRule {
  return new RetryRule({ isReconnecting: true, retry, canRefresh: false, ...overrides })
}
const coded = (code: number): CloseInfo => ({ code, reason: '', wasClean: true, cause: 'server' })
const refused = (httpStatus: number): CloseInfo => ({ ...abnormalClose('server'), httpStatus })

test('every failure of a strict socket is final', () => {
  assert.ok(rule({ isReconnecting: false, shouldRetry: () => true }).isFinal(abnormalClose('network'), 0))
})

test('the table of codes decides, and for a refused upgrade that of statuses', () => {
  assert.ok(!rule().isFinal(coded(1001), 0))
  assert.ok(rule().isFinal(coded(1008), 0))
  assert.ok(!rule().isFinal(coded(4429), 0))
  assert.ok(rule().isFinal(coded(4404), 0))
  assert.ok(rule().isFinal(refused(404), 0))
  assert.ok(!rule().isFinal(refused(429), 0))
  assert.ok(!rule().isFinal(refused(503), 0))
  assert.ok(!rule().isFinal(abnormalClose('network'), 0))
})

test('the application overrules the table both ways, is told how often it was tried, and may leave it to the table', () => {
  const asked: unknown[] = []
  const answers = [true, false, undefined, undefined]
  const subject = rule({
    shouldRetry: (close, attempt) => {
      asked.push([close.code, attempt])
      return answers.shift()
    },
  })
  assert.ok(!subject.isFinal(coded(1008), 0))
  assert.ok(subject.isFinal(coded(1001), 1))
  assert.ok(subject.isFinal(coded(1008), 2))
  assert.ok(!subject.isFinal(coded(1001), 3))
  assert.deepEqual(asked, [
    [1008, 0],
    [1001, 1],
    [1008, 2],
    [1001, 3],
  ])
})

test('a platform that cannot do what was asked for is not tried again, whatever the application says', () => {
  assert.ok(rule({ shouldRetry: () => true }).isFinal(abnormalClose('unsupported'), 0))
})

for (const refusal of [refused(401), refused(403), coded(4401), coded(4403)]) {
  const name = refusal.httpStatus ?? refusal.code

  test(`with a fresh credential to be had, the first ${name} in a row gets one more try and the second is final`, () => {
    const subject = rule({ canRefresh: true })
    assert.ok(!subject.isFinal(refusal, 0))
    assert.ok(subject.isFinal(refusal, 1))
  })

  test(`without one, the first ${name} is final`, () => {
    assert.ok(rule().isFinal(refusal, 0))
  })
}

test('another failure in between, or forgiveness, starts a new row of refusals', () => {
  const subject = rule({ canRefresh: true })
  assert.ok(!subject.isFinal(refused(401), 0))
  assert.ok(!subject.isFinal(abnormalClose('network'), 1))
  assert.ok(!subject.isFinal(refused(401), 2))
  subject.forgive()
  assert.ok(!subject.isFinal(refused(401), 3))
  assert.ok(subject.isFinal(refused(401), 4))
})

test('refusals that the application answered for count as well', () => {
  const answers = [true, undefined]
  const subject = rule({ canRefresh: true, shouldRetry: () => answers.shift() })
  assert.ok(!subject.isFinal(refused(401), 0))
  assert.ok(subject.isFinal(refused(401), 1))
})

test('what no fresh credential can help against gets no extra try', () => {
  for (const close of [refused(404), coded(3000), coded(3003)]) assert.ok(rule({ canRefresh: true }).isFinal(close, 0))
})

describe('a session that was refused for who we are', () => {
  const refusals = [sessionLost('auth', 'auth'), sessionLost('origin', 'auth')]

  test('is final, unless the application wants to go on', () => {
    for (const refusal of refusals) {
      assert.ok(rule().isFinal(refusal, 0))
      assert.ok(!rule({ shouldRetry: () => true }).isFinal(refusal, 0))
    }
  })

  test('gets one more try with a fresh credential, and the second refusal in a row is final, of whatever kind', () => {
    for (const refusal of refusals) {
      const subject = rule({ canRefresh: true })
      assert.ok(!subject.isFinal(refusal, 0))
      assert.ok(subject.isFinal(refusal, 1))
      const mixed = rule({ canRefresh: true })
      assert.ok(!mixed.isFinal(refused(401), 0))
      assert.ok(mixed.isFinal(refusal, 1))
    }
  })
})

describe('a session that goes on with the next link', () => {
  const goesOn = true

  test('makes no link final, whatever its code or cause, and on a strict socket as well', () => {
    const closes = [coded(1000), coded(1008), coded(4404), coded(3000), abnormalClose('network'), abnormalClose('unsupported')]
    for (const isReconnecting of [false, true]) {
      for (const close of closes) assert.ok(!rule({ isReconnecting }).isFinal(close, 0, goesOn), `${close.code} ${close.cause}`)
    }
  })

  test('makes no link final whose code speaks of who we are: it is no word about the session', () => {
    for (const code of [3000, 3003, 4401, 4403]) assert.ok(!rule().isFinal({ ...coded(code), cause: 'auth' }, 0, goesOn), `${code}`)
  })

  test('is ended by the application', () => {
    assert.ok(rule({ shouldRetry: () => false }).isFinal(abnormalClose('network'), 0, goesOn))
    assert.ok(!rule({ shouldRetry: () => undefined }).isFinal(coded(1008), 0, goesOn))
  })

  test('is ended by a refused upgrade that the table of statuses calls final, unless the application wants to go on', () => {
    assert.ok(rule().isFinal(refused(404), 0, goesOn))
    assert.ok(!rule().isFinal(refused(503), 0, goesOn))
    assert.ok(!rule({ shouldRetry: () => true }).isFinal(refused(404), 0, goesOn))
  })

  test('is given one more try with a fresh credential where the upgrade was refused', () => {
    const subject = rule({ canRefresh: true })
    assert.ok(!subject.isFinal(refused(401), 0, goesOn))
    assert.ok(subject.isFinal(refused(401), 1, goesOn))
    assert.ok(rule().isFinal(refused(401), 0, goesOn))
  })
})
