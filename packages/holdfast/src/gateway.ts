/** The entry `holdfast/gateway`: sessions in front of any WebSocket backend. */

export type { DrainOptions, DrainResult, Gateway, GatewayClient, GatewayStats, Listening } from './gateway/gateway.ts'
export { createGateway } from './gateway/gateway.ts'
export type { GatewayLimits, GatewayOptions, UpstreamAddress } from './gateway/options.ts'
