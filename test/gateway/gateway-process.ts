// A gateway in a process of its own, which a test can stop and end.  node gateway-process.ts UPSTREAM PORT

import { createGateway } from '../../packages/holdfast/src/gateway.ts'

const [upstream = '', port = '0'] = process.argv.slice(2)
const gateway = createGateway({ upstream, heartbeat: { interval: 100, timeout: 200 } })
const listening = await gateway.listen(Number(port), '127.0.0.1')
console.log(JSON.stringify({ port: listening.port }))
process.stdin.resume().on('end', () => process.exit())
