// What a user does in a page of Swagger UI.
import type { Locator, Page, Response } from 'playwright-core'
import type { Test } from 'tap'
import { answerFrom } from './browser.ts'
import type { Visit } from './browser.ts'
import { TOKEN_PATH } from './demo.ts'

/** The console shows these errors and no others, and the page needs nobody but its server. */
export function isClean (t: Test, { page, origins, errors }: Visit, expected: readonly string[] = []): void {
  t.same(errors, expected, 'errors in the console')
  t.same([...origins], [new URL(page.url()).origin], 'origins')
}

/** What the console says of a request that was refused. */
export const failed = (status: string, path: string) => `Failed to load resource: the server responded with a status of ${status} ${path}`

/** Fills in the Authorize dialog and sends it. */
export async function authorize (page: Page, credentials: { id: string, secret: string }, scopes: readonly string[], tokenPath = TOKEN_PATH): Promise<Response> {
  const dialog = await openDialog(page)
  await dialog.getByLabel('client_id').fill(credentials.id)
  await dialog.getByLabel('client_secret').fill(credentials.secret)
  for (const scope of scopes) await dialog.getByText(scope, { exact: true }).click()
  return answerFrom(page, tokenPath, () => dialog.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click())
}

async function openDialog (page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Authorize', exact: true }).click()
  return page.locator('.dialog-ux')
}

/** Waits until the dialog says that there is a token, and closes it. */
export async function closeAuthorized (page: Page): Promise<void> {
  const dialog = page.locator('.dialog-ux')
  await dialog.getByRole('button', { name: 'Remove authorization' }).waitFor()
  await dialog.getByRole('button', { name: 'Close' }).click()
}

/** Has the page forget its token. */
export async function logout (page: Page): Promise<void> {
  const dialog = await openDialog(page)
  await dialog.getByRole('button', { name: 'Remove authorization' }).click()
  await dialog.getByLabel('client_secret').waitFor()
  await dialog.getByRole('button', { name: 'Close' }).click()
}

/**
 * Opens an operation and presses Try it out. What is returned executes it.
 *
 * @param isLast tells the answer that is shown from one upon which the page asks again
 * @param base the path of the server that the document names
 */
export async function tryOut (page: Page, method: string, path: string, isLast?: (response: Response) => boolean, base = ''): Promise<() => Promise<object>> {
  const operation = page.locator(`.opblock-${method}:has([data-path="${path}"])`)
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Try it out' }).click()

  return async function execute () {
    const response = await answerFrom(page, `${base}${path}`, () => operation.getByRole('button', { name: 'Execute' }).click(), isLast)
    const shown = operation.locator('.live-responses-table tbody tr').filter({ has: page.locator('.response-col_status', { hasText: String(response.status()) }) })
    return { status: response.status(), shown: JSON.parse(await shown.locator('.highlight-code code').innerText()) }
  }
}
