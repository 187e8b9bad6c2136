/** The entry `holdfast/gateway`: sessions in front of any WebSocket backend. */

export type { Gateway, GatewayClient, GatewayStats, GatewayTotals, Listening } from './gateway/gateway.ts'
export { createGateway } from './gateway/gateway.ts'
export type { UpstreamTotals } from './gateway/journal.ts'
export type { GatewayLimits, GatewayOptions, UpstreamAddress } from './gateway/options.ts'
export type { DrainOptions, DrainResult } from './server/drain.ts'
