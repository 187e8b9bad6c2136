/** CPU of the client for a message: bursts that are sent, and a flood that is received. */

import type { PayloadKind, Step } from './client/task.ts'
import { ask } from './client.ts'
import { fewFiles, type Measure, type MeasureContext } from './measure.ts'
import { type Row, type Verdict, verdict } from './result.ts'
import type { SubjectName } from './subject/catalogue.ts'
import { cells, pick, ratio, type Samples, takeTurns } from './turns.ts'

const small = 125
const large = 4096

const peers: readonly SubjectName[] = ['reconnecting-websocket', 'partysocket', 'websocket-ts', 'socket.io']
const subjects: Readonly<Record<PayloadKind, readonly SubjectName[]>> = {
  text: ['ws', 'ws, onmessage', 'holdfast', 'holdfast, reconnecting', ...peers],
  binary: ['ws', 'ws, arraybuffer', 'holdfast', 'holdfast, arraybuffer', 'holdfast, reconnecting', ...peers],
}

const full = { rounds: 7, moreReceives: 8, smallSends: 60_000, smallReceives: 200_000, largeSends: 8_000, largeReceives: 20_000 }
const quick: typeof full = {
  rounds: 2,
  moreReceives: 1,
  smallSends: 20_000,
  smallReceives: 50_000,
  largeSends: 4_000,
  largeReceives: 8_000,
}

export const cpu: Measure = {
  name: 'cpu',
  title: 'CPU of the client for a message, received or sent in bursts of 128',
  isAlone: true,
  openFiles: fewFiles,
  run: async (context) => {
    const text = await measure(context, 'text')
    const binary = await measure(context, 'binary')
    return { rows: [...text.rows, ...binary.rows], verdicts: [...text.verdicts, ...binary.verdicts] }
  },
}

interface Found {
  readonly rows: Row[]
  readonly verdicts: Verdict[]
}

async function measure({ server, isQuick, tell }: MeasureContext, payload: PayloadKind): Promise<Found> {
  const { rounds, moreReceives, ...counts } = isQuick ? quick : full
  const receive: Step = { direction: 'receive', bytes: small, count: counts.smallReceives }
  const steps: Step[] = [
    { direction: 'send', bytes: small, count: counts.smallSends },
    receive,
    { direction: 'send', bytes: large, count: counts.largeSends },
    { direction: 'receive', bytes: large, count: counts.largeReceives },
  ]
  const names = subjects[payload]
  const samples = await takeTurns(rounds + moreReceives, names, (subject, round) => {
    if (subject === names[0]) tell(`${payload}, round ${round + 1} of ${rounds + moreReceives}`)
    // Small receives differ least and vary most: they get more rounds than the rest.
    return ask<number[]>({ kind: 'cpu', subject, port: server.portOf(subject), payload, steps: round < rounds ? steps : [receive] })
  })
  const inFull = new Map([...samples].map(([subject, all]) => [subject, all.slice(0, rounds)]))
  const received = new Map([...samples].map(([subject, all]) => [subject, all.map((us, round) => us[round < rounds ? 1 : 0]!)]))
  const found = steps.map((step, index) => (step === receive ? received : pick(inFull, (us) => us[index]!)))
  return { rows: steps.map((step, index) => rowOf(step, payload, found[index]!)), verdicts: verdictsOf(payload, found[0]!, received) }
}

function rowOf({ direction, bytes }: Step, payload: PayloadKind, samples: Samples<SubjectName>): Row {
  const size = bytes === small ? '125 B' : '4 KiB'
  return {
    id: `${direction}/${bytes}/${payload}`,
    what: `${direction} ${size} ${payload}`,
    unit: '× ws',
    absoluteUnit: 'µs',
    n: samples.get('ws')!.length,
    cells: cells(samples, (subject) => ratio(samples, subject, 'ws')),
  }
}

function verdictsOf(payload: PayloadKind, sent: Samples<SubjectName>, received: Samples<SubjectName>): Verdict[] {
  const sends = verdict(`send 128 × 125 B ${payload} in a burst`, ratio(sent, 'holdfast', 'ws').value, 0.5, '× ws')
  if (payload === 'text')
    return [sends, verdict('receive 125 B text', ratio(received, 'holdfast', 'ws, onmessage').value, 1.15, '× ws with onmessage')]
  const asBuffer = ratio(received, 'holdfast', 'ws')
  const asArrayBuffer = ratio(received, 'holdfast, arraybuffer', 'ws, arraybuffer')
  return [
    sends,
    verdict(`receive 125 B binary as 'nodebuffer'`, asBuffer.value, 1.3, '× ws'),
    verdict(`receive 125 B binary as 'arraybuffer'`, asArrayBuffer.value, 1.1, `× ws with 'arraybuffer'`),
  ]
}
