/** The mistakes that PROTOCOL.md section 10 warns of, and others that this core could make. Each has to be found. */

import type { Edit, Mutation } from './mutation.ts'

const edit = (find: string, replace: string): Edit => ({ find, replace })
const one = (name: string, find: string, replace: string): Mutation => ({ name, edits: [edit(find, replace)] })

export const mutations: readonly Mutation[] = [
  // Counting
  one('a link counts from what was delivered instead of base', 'this.#rx = base', 'this.#rx = this.#delivered'),
  one('a link counts from 0 instead of base', 'this.#rx = base', 'this.#rx = 0'),
  one('a link goes on counting where the one before stopped', '    this.#rx = base\n', ''),
  one('a duplicate is delivered', "if (this.#rx <= this.#delivered) return 'duplicate'", ''),
  one('the finish is not counted by who reads it', 'if (this.#arrive(now, 0)) this.#peerFinished', 'this.#peerFinished'),
  one('a message is written to a new link from 0', 'this.#tx = recv\n', 'this.#tx = this.#acked\n'),
  one('S tells the counter of the wrong direction', "kind: 'spliced', recv: delivered", "kind: 'spliced', recv: session.sent"),
  one('base is R.recv, even below what was acknowledged', 'Math.max(recv, session.confirmed)', 'recv'),
  {
    name: 'R tells what the link counted instead of what was delivered',
    edits: [
      edit('recv: this.session.inbox.delivered })', 'recv: this.session.inbox.rx })'),
      edit('  get delivered(): number {', '  get rx(): number {\n    return this.#rx\n  }\n  get delivered(): number {'),
    ],
  },
  // The fence
  one(
    'the old link is not fenced',
    'if (old) this.#part(now, old, linkCode.superseded',
    'if (!old) this.#part(now, link, linkCode.superseded',
  ),
  {
    name: 'delivered is read, something is waited for, and then comes the fence',
    edits: [
      edit(
        '    if (verdict) this.#resume(now, link, first, verdict)\n',
        '    this.early.set(link, this.#sessions.get(first.sid)?.session.inbox.delivered)\n    if (verdict) this.#resume(now, link, first, verdict)\n',
      ),
      edit(
        '    const { delivered } = session.inbox\n    const base',
        '    const delivered = this.early.get(link) ?? session.inbox.delivered\n    const base',
      ),
      edit('  get tombstones(): number {', '  early = new WeakMap<object, number | undefined>()\n  get tombstones(): number {'),
    ],
  },
  {
    name: 'a resumption is judged when R arrives, and not again when the verdict is there',
    edits: [
      edit(
        '    if (verdict) this.#resume(now, link, first, verdict)\n',
        "    this.early.set(link, this.#refusal(now, first, { kind: 'accepted', principal: this.#sessions.get(first.sid)?.principal, proto: '' }))\n    if (verdict) this.#resume(now, link, first, verdict)\n",
      ),
      edit(
        'const refused = this.#refusal(now, resume, verdict)',
        'const cid = this.#sessions.get(resume.sid)?.holder.cid ?? resume.cid\n    const refused = this.early.get(link) ?? this.#refusal(now, { ...resume, cid, attempt: Infinity, recv: 0 }, verdict)',
      ),
      edit('  get tombstones(): number {', '  early = new WeakMap<object, Refused | undefined>()\n  get tombstones(): number {'),
    ],
  },
  one('an old attempt is accepted', ' || attempt <= holder.attempt', ''),
  one('an attempt has the number of the one before', '    this.#attempt++\n', '    this.#attempt ||= 1\n'),
  one('the holder of a credential is not bound', '(holder.cid !== undefined && holder.cid !== cid) || ', ''),
  one('the key is not compared', 'this.#config.credentials.matches(key, known?.digest)', "key !== ''"),
  one('the principal is not compared', 'known.principal !== verdict.principal', 'false'),
  one(
    'a client goes on with a server that lost state',
    'return confirmed <= recv && recv <= numbered && base <= inbox.delivered && base <= sent',
    'return recv <= numbered && base <= sent',
  ),
  // Renewals
  one(
    'a server has room for every session that begins where another was refused',
    'const after = this.#shortage(verdict.principal) || this.#config.admit(now)',
    "const after = link.state.name === 'renewing' ? 0 : this.#shortage(verdict.principal) || this.#config.admit(now)",
  ),
  one('a server waits for what its client wants after any refusal', 'if (lostForGood.includes(refused.why))', 'if (refused)'),
  one(
    'a server begins a new session unasked where it refused one',
    "    link.state = { name: 'refused', until: now + greetingMs }\n",
    "    link.state = { name: 'renewing' }\n    this.#outputs.push({ kind: 'renew', link })\n",
  ),
  one('a client that was closed asks for a new session', ' && !held.isClosed\n', '\n'),
  one('a client asks for a new session though it was closed when it told of the end of the old one', ' || isRenewal(output)', ''),
  one(
    'a client asks for a new session where another link may still carry the old one',
    'if (held && !isTentative && !isPassing) {',
    'if (held && !isPassing) {',
  ),
  // The outbox
  one('a message is let go of when it is written', '    this.#tx++\n', '    this.#tx++\n    this.#acked++\n    this.outbox.shift()\n'),
  one('an acknowledgement frees what the link has not counted', 'Math.min(this.#confirmed, this.#tx)', 'this.#confirmed'),
  one('the outbox has no bound', 'return this.#length === 0 || (', 'return this.#length >= 0 || ('),
  one('a message is moved in behind the finish', 'if (this.queued === 0 || !held.session.isOpen) return', 'if (this.queued === 0) return'),
  one(
    'a text that looks like a control frame is not escaped',
    "typeof entry.data === 'string' && entry !== this.#finish ? escapeText(entry.data) : entry.data",
    'entry.data',
  ),
  // Acknowledgements
  {
    name: 'a message is acknowledged, and handed over with the next one',
    edits: [
      edit('    return this.#arrive(now, isText ?', '    const before = this.late\n    return this.#arrive(now, isText ?'),
      edit(
        '? (isText ? unescapeText(payload) : payload) : undefined',
        '? (((this.late = isText ? unescapeText(payload) : payload), before)) : undefined',
      ),
      edit('  #past: Past | undefined\n', '  #past: Past | undefined\n  late: Payload | undefined\n'),
    ],
  },
  one('what was told is not reset on a splice', '    this.#told = told\n    this.#owedBytes = 0\n', '    this.#owedBytes = 0\n'),
  one('each message puts the acknowledgement off', 'else this.#ackAt ??= now', 'else this.#ackAt = now'),
  one(
    'nothing is acknowledged but with a pong',
    'if (now >= (this.#ackAt ?? Infinity)) this.#isAckDue = true',
    'if (now >= (this.#ackAt ?? Infinity)) this.#ackAt = undefined',
  ),
  one(
    'the timer of an acknowledgement runs while it is withheld',
    'return this.#isHolding || this.#isAckDue ? Infinity : (this.#ackAt ?? Infinity)',
    'return this.#ackAt ?? Infinity',
  ),
  one('an end is done before its own messages are acknowledged', 'course.peer && this.outbox.length === 0', 'course.peer'),
  one(
    'a server closes the link before its last acknowledgement',
    'link && frame !== undefined; frame = session.nextFrame(now)',
    'link && frame === null; frame = session.nextFrame(now)',
  ),
  one('the end of a session is noticed with whatever comes next', '    if (frame === undefined) this.#checkSession(now, held)\n', ''),
  one('a refusal teaches more than it says', 'recv: session.inbox.delivered, until', 'recv: session.inbox.delivered + 1, until'),
  one(
    'a plain link carries every message as a text',
    "kind: 'transmit', link: state.link, entry }",
    "kind: 'transmit', link: state.link, entry: { ...entry, data: String(entry.data) } }",
  ),
  // Life and death
  {
    name: 'a late tick judges at once',
    edits: [
      edit('this.#isLate = elapsed > 2 * this.tickMs || jump > wallJumpMs', 'this.#isLate = jump > Infinity'),
      edit('const awakeMs = Math.min(elapsed, 2 * this.tickMs)', 'const awakeMs = elapsed'),
      edit('Math.min(now - this.#at, 2 * this.tickMs)', 'now - this.#at'),
    ],
  },
  one(
    'bytes are no sign of life',
    "if (bytesRead > this.#bytesRead && (!this.#isDated || this.#state.name === 'probing')) this.#hear(now)",
    '',
  ),
  one('a message that breaks every link is sent for ever', 'if (failures < poisonLinks) return', 'if (failures >= 0) return'),
  one('a server stays on a link that it said it would leave', 'else if (now >= session.leaveAt)', 'else if (now < 0)'),
  one(
    'a refusal ends a session that has another link',
    "first.kind !== 'spliced' && !(first.kind === 'refused' && first.why === 'stale')",
    "first.kind !== 'spliced' && first.kind !== 'refused'",
  ),
  one('a move that succeeded leaves the old link open', "    if ('link' in state) this.#part(now, state.link, linkCode.migrated)\n", ''),
  one(
    'a session that is asked to move before it answered forgets by when',
    "{ name: 'attached', link, leaveAt }",
    "{ name: 'attached', link }",
  ),
]
