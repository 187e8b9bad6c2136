#!/usr/bin/env node
/** The program: its commands, and what each way of ending means to a shell. */

import { Command, CommanderError } from 'commander'
import { chaosCommand } from './commands/chaos.ts'
import { connectCommand } from './commands/connect.ts'
import { demoCommand } from './commands/demo.ts'
import { gatewayCommand } from './commands/gateway.ts'
import { serveCommand } from './commands/serve.ts'
import { type ExitCode, exitCode } from './exit-code.ts'
import { UsageError } from './usage-error.ts'

const report = (code: ExitCode): void => {
  process.exitCode = code
}

const program = new Command('holdfast')
  .description('See, break and measure WebSocket connections.')
  .exitOverride()
  .addCommand(connectCommand(report).exitOverride())
  .addCommand(serveCommand(report).exitOverride())
  .addCommand(gatewayCommand(report).exitOverride())
  .addCommand(chaosCommand(report).exitOverride())
  .addCommand(demoCommand(report).exitOverride())

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = codeOf(error)
}

/** Commander has told its own errors already. */
function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === exitCode.ok ? exitCode.ok : exitCode.usage
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  return exitCode.usage
}
