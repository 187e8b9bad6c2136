import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRoute, parseRoute } from './route.ts'

const routes = ['ws://any', '/chat=ws://chat', '/chat/v2/=ws://chat2'].map((text) => parseRoute(text)!)

const targets: [target: string, url: string][] = [
  ['/', 'ws://any'],
  ['/other', 'ws://any'],
  ['/chats', 'ws://any'],
  ['/chat', 'ws://chat'],
  ['/chat?room=1', 'ws://chat'],
  ['/chat/room', 'ws://chat'],
  ['/chat/v2/room', 'ws://chat2'],
  ['/?x=/chat', 'ws://any'],
]
for (const [target, url] of targets) test(`${target} goes to ${url}`, () => assert.equal(findRoute(routes, target)?.url, url))

test('what no prefix fits goes nowhere', () => assert.equal(findRoute([parseRoute('/chat=ws://chat')!], '/other'), undefined))
