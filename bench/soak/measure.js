// The memory and the handles of this process.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()

/** What is left when the garbage is gone. Needs --expose-gc. */
export function measure () {
  // Twice: what is finalized by the first is freed by the second.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((nanoseconds) => nanoseconds / 1e6)
  delay.reset()
  return { heapUsed, external, rss, resources, delay: { p50, p99, max } }
}
