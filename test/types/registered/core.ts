import type { flow } from './application.ts'

declare module 'fastify-client-credentials/core' {
  interface Register { flow: typeof flow }
  interface AppCredentials { region: string }
}
