import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEndpoint, renderEndpoint } from './endpoint.ts'

test('an upstream is read from every form that is accepted', () => {
  const forms: [string, string, number][] = [
    ['127.0.0.1:9000', '127.0.0.1', 9000],
    ['localhost:80', 'localhost', 80],
    ['[::1]:9000', '::1', 9000],
    ['ws://example.test/path?query', 'example.test', 80],
    ['wss://example.test', 'example.test', 443],
    ['http://[::1]:8080/', '::1', 8080],
    ['tcp://10.0.0.1:7', '10.0.0.1', 7],
  ]
  for (const [text, host, port] of forms) assert.deepEqual(parseEndpoint(text), { host, port }, text)
  assert.deepEqual(parseEndpoint({ host: 'a', port: 1 }), { host: 'a', port: 1 })
})

test('any other upstream is refused with its value and what is accepted', () => {
  for (const text of [
    '',
    '9000',
    'localhost',
    'localhost:',
    ':9000',
    '::1:9000',
    'tcp://host',
    'ftp://host:21',
    'host:99999',
    'a b:1',
    'host:1/path',
  ]) {
    assert.throws(() => parseEndpoint(text), {
      name: 'TypeError',
      message: new RegExp(`^upstream ${JSON.stringify(text).replaceAll('/', '\\/')} names no`),
    })
  }
  assert.throws(
    () => parseEndpoint({ host: '', port: 1 }),
    /^TypeError: upstream \{"host":"","port":1\} names no host and port; accepted are host:port/,
  )
  assert.throws(() => parseEndpoint({ host: 'a', port: 0 }), /^TypeError: upstream\.port must be a whole number from 1 to 65535; got 0$/)
  assert.throws(() => parseEndpoint(undefined as unknown as string), /^TypeError: upstream undefined names no/)
})

test('an endpoint is written with the brackets that IPv6 needs', () => {
  assert.equal(renderEndpoint({ host: '::1', port: 1 }), '[::1]:1')
  assert.equal(renderEndpoint({ host: 'a', port: 1 }), 'a:1')
})
