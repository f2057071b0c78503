// The program in a worker: the report, and an application that requests share.
import { application, prove } from './program.js'

let handle

export default {
  async fetch (request) {
    if (new URL(request.url).pathname === '/prove') return Response.json(await prove(await request.json()))
    handle ??= application()
    return await handle(request)
  }
}
