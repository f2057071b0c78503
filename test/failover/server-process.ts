import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { plainEnvironment } from '../support/program.ts'
import type { ClockChange, Feed, QuestionReport, ReadReport, Report, ResourceServerPlan, ServerPlan, WriteBackReport } from './messages.ts'
import { now } from './time.ts'

/** From when to when a process ran. */
interface Life { readonly from: number, to: number }

/** A server that runs beside this process, and what it has reported. */
export class ServerProcess {
  readonly plan: ServerPlan | ResourceServerPlan
  readonly reads: ReadReport[] = []
  readonly questions: QuestionReport[] = []
  readonly writeBacks: WriteBackReport[] = []
  /** When processes were started and killed. What one held ends with it. */
  readonly #lives: Life[] = []
  readonly #file: string
  #child: ChildProcess | undefined
  #isReady = false

  private constructor (file: string, plan: ServerPlan | ResourceServerPlan) {
    this.#file = fileURLToPath(new URL(file, import.meta.url))
    this.plan = plan
  }

  static async startServer (plan: ServerPlan): Promise<ServerProcess> {
    return await new ServerProcess('authorization-server.ts', plan).start()
  }

  static async startResourceServer (plan: ResourceServerPlan): Promise<ServerProcess> {
    return await new ServerProcess('resource-server.ts', plan).start()
  }

  get name (): string {
    return this.plan.name
  }

  get isRunning (): boolean {
    return this.#isReady
  }

  /** Starts the process, also again after it was killed. */
  async start (): Promise<this> {
    this.#lives.push({ from: now(), to: Infinity })
    const child = fork(this.#file, [JSON.stringify(this.plan)], { execArgv: ['--import', 'tsx'], env: plainEnvironment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child = child
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: Report) => { message.kind === 'ready' ? resolve() : this.#note(message) })
      child.once('exit', (code) => { reject(new Error(`${this.name} has ended with ${code}`)) })
    })
    this.#isReady = true
    return this
  }

  /** Sets the clock of a resource server ahead. @param seconds in all */
  setAhead (seconds: number): void {
    const change: ClockChange = { kind: 'clock', ahead: seconds }
    this.#child?.send(change)
  }

  /** Ends the process with kill -9. */
  async kill (): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    this.#isReady = false
    child.kill('SIGKILL')
    this.#lives.at(-1)!.to = now()
    await once(child, 'exit')
  }

  /** The process that ran at a time. */
  lifeAt (time: number): Readonly<Life> {
    return this.#lives.findLast(({ from }) => from <= time) ?? this.#lives[0]!
  }

  /** The reads of a feed by one process. */
  readsOf (feed: Feed, { from, to }: Readonly<Life>): ReadReport[] {
    return this.reads.filter((read) => read.feed === feed && read.begunAt >= from && read.begunAt <= to)
  }

  #note (report: Report): void {
    if (report.kind === 'read') this.reads.push(report)
    else if (report.kind === 'question') this.questions.push(report)
    else if (report.kind === 'write-back') this.writeBacks.push(report)
  }
}
