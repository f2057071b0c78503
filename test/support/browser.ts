import { chromium } from 'playwright-core'
import type { Browser, Page, Response } from 'playwright-core'
import { CHROMIUM, needCommand } from './debian.ts'

/** A page, and what a user would find in its developer tools. */
export interface Visit {
  page: Page
  /** The origins that anything was requested from. */
  origins: Set<string>
  /** What the console shows in red, failed requests with their paths. */
  errors: string[]
}

const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

/** Starts the Chromium of the machine. */
export function launchBrowser (): Promise<Browser> {
  return chromium.launch({ executablePath: needCommand(CHROMIUM), args: ARGS })
}

/** Opens an address with storage, cookies and cache of its own. */
export async function visit (browser: Browser, url: string): Promise<Visit> {
  const page = await browser.newPage()
  // Everything is on this machine: a failing test should not take the default of 30 s to say so.
  page.setDefaultTimeout(10_000)
  const origins = new Set<string>()
  const errors: string[] = []
  page.on('request', (request) => { origins.add(new URL(request.url()).origin) })
  page.on('pageerror', (error) => { errors.push(String(error)) })
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} ${pathOf(message.location().url)}`)
  })
  await page.goto(url)
  return { page, origins, errors }
}

/** Does something on a page, and waits for the answer that it gets from a path, to the last byte. */
export async function answerFrom (page: Page, path: string, action: () => Promise<void>, isIt: (response: Response) => boolean = () => true): Promise<Response> {
  const [response] = await Promise.all([page.waitForResponse((response) => pathOf(response.url()) === path && isIt(response)), action()])
  await response.finished()
  return response
}

/** All that a page keeps in the browser, as one text. */
export async function storedBy (page: Page): Promise<string> {
  const storages = await page.evaluate<object>('({ local: { ...localStorage }, session: { ...sessionStorage } })')
  return JSON.stringify({ ...storages, cookies: await page.context().cookies() })
}

function pathOf (url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url
}
