import type { flow } from './application.ts'

declare module 'fastify-client-credentials' {
  interface Register { flow: typeof flow }
  interface AppCredentials { region: string }
}
