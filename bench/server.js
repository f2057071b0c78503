// One contender, a process of its own: node server.js FILE NAME. It tells its port, and when asked the microseconds of CPU and of busy event loop.
import { readFixture } from './fixture.js'

const [file, name] = process.argv.slice(2)
const { servers } = await import(new URL(file, import.meta.url))
const app = await servers[name](readFixture())
await app.listen({ port: 0, host: '127.0.0.1' })

process.on('message', ({ id }) => {
  const { user, system } = process.cpuUsage()
  process.send({ id, result: { cpu: user + system, loop: performance.eventLoopUtilization().active * 1000, rss: process.memoryUsage.rss() } })
})
process.once('disconnect', () => process.exit())
process.send({ port: app.server.address().port })
