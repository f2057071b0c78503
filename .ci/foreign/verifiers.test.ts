// The code of example/verify-elsewhere.md, given tokens of a running server.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { SignJWT } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import { needCommand } from '../../test/support/debian.ts'
import { pageText } from '../../test/support/pages.ts'
import { freePort } from '../../test/support/program.ts'
import { runAside } from '../../test/support/run-aside.ts'
import { springClasspath } from '../../test/support/spring.ts'

const PAGE = pageText('example/verify-elsewhere.md')
const AUDIENCE = 'https://api.example.com'

const port = await freePort()
const issuer = `http://localhost:${port}`
const keys = new SigningKeys(new MemoryStore())
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .getClient(({ clientId }) => ({ id: clientId, grants: ['client_credentials'] }))
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: AUDIENCE, keys }))
  .build()
const app = Fastify()
await app.register(clientCredentialsPlugin, { flow })
await app.listen({ port, host: 'localhost' })

const answer = await fetch(`${issuer}/oauth2/token`, {
  method: 'POST', headers: { authorization: `Basic ${btoa('billing:secret')}` }, body: new URLSearchParams({ grant_type: 'client_credentials' })
})
const { access_token: genuine } = await answer.json() as { access_token: string }
const { kid, privateKey } = await keys.current()
const now = Math.floor(Date.now() / 1000)
const claims = { iss: issuer, aud: AUDIENCE, sub: 'billing', client_id: 'billing', jti: 'x', iat: now, exp: now + 300 }
const signed = async (changes: Record<string, unknown>, header: Record<string, unknown> = {}, key = privateKey) =>
  new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt', ...header }).sign(key)
const [head = '', , signature = ''] = genuine.split('.')

const TOKENS: Record<string, string> = {
  genuine,
  'another audience': await signed({ aud: 'https://other.example' }),
  'no audience': await signed({ aud: undefined }),
  'another issuer': await signed({ iss: 'https://other.example' }),
  expired: await signed({ iat: now - 7200, exp: now - 3600 }),
  'no exp': await signed({ exp: undefined }),
  'another key': await signed({}, {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  changed: [head, Buffer.from(JSON.stringify({ ...claims, scope: 'admin' })).toString('base64url'), signature].join('.'),
  'alg none': `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`,
  'an ID token': await signed({}, { typ: 'JWT' }),
  'no typ': await signed({}, { typ: undefined })
}

/** The first block of a language on the page, with our issuer in place of its. */
function blockOf (language: string): string {
  const [, block] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(PAGE) ?? []
  if (block === undefined) throw new Error(`The page has no block of ${language}`)
  return block.replaceAll('https://auth.example.com', issuer)
}

/** A folder for a program, with the tokens in it, one a line. */
function folderOf (t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'verifier-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  for (const [name, content] of Object.entries({ ...files, tokens: `${Object.values(TOKENS).join('\n')}\n` })) writeFileSync(join(folder, name), content)
  return folder
}

/** A program has printed "accepted CLIENT" or "rejected REASON" for each token. */
function check (t: Test, output: string): void {
  const lines = output.trim().split('\n')
  t.equal(lines.length, Object.keys(TOKENS).length, output)
  for (const [index, title] of Object.keys(TOKENS).entries()) t.match(lines[index], title === 'genuine' ? /^accepted billing$/ : /^rejected /, title)
}

const root = fileURLToPath(new URL('../..', import.meta.url))

test('JavaScript: jose', async (t) => {
  const folder = folderOf(t, {
    'verify.mjs': blockOf('js'),
    'main.mjs': `
      import { readFileSync } from 'node:fs'
      import { verify } from './verify.mjs'
      for (const token of readFileSync('tokens', 'utf8').trim().split('\\n')) {
        console.log(await verify(token).then(({ client_id: id }) => 'accepted ' + id, (error) => 'rejected ' + error.message))
      }`
  })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  check(t, await runAside(process.execPath, ['main.mjs'], folder))
})

test('Python: PyJWT', async (t) => {
  const folder = folderOf(t, {
    'verify.py': blockOf('python'),
    'main.py': `
from verify import verify
for token in open("tokens").read().split():
    try:
        print("accepted", verify(token)["client_id"])
    except Exception as error:
        print("rejected", type(error).__name__)
`
  })
  const packages = join(tmpdir(), 'fastify-client-credentials-pyjwt-2.10.1')
  const python = needCommand({ names: ['python3'], debianPackage: 'python3-pip' })
  if (!existsSync(join(packages, 'jwt'))) execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--target', packages, 'pyjwt[crypto]==2.10.1'], { stdio: 'ignore' })
  check(t, await runAside(python, ['main.py'], folder, { PYTHONPATH: packages }))
})

test('Go: jwx', async (t) => {
  const main = `package main

import (
  "bufio"
  "context"
  "fmt"
  "os"
)

func main() {
  file, _ := os.Open("tokens")
  for lines := bufio.NewScanner(file); lines.Scan(); {
    token, err := verify(context.Background(), lines.Text())
    var client string
    if err == nil {
      err = token.Get("client_id", &client)
    }
    if err != nil {
      fmt.Printf("rejected %q\\n", err)
    } else {
      fmt.Println("accepted", client)
    }
  }
}
`
  const folder = folderOf(t, { 'verify.go': blockOf('go'), 'main.go': main, 'go.mod': 'module verifier\n\ngo 1.24\n\nrequire github.com/lestrrat-go/jwx/v3 v3.1.1\n' })
  const go = needCommand({ names: ['go'], debianPackage: 'golang-go', folders: () => ['/usr/local/go/bin'] })
  await runAside(go, ['mod', 'tidy'], folder)
  check(t, await runAside(go, ['run', '.'], folder, { CGO_ENABLED: '0' }))
})

test('Java: Spring Security with the at+jwt validator', async (t) => {
  const folder = folderOf(t, {
    'AccessTokens.java': blockOf('java'),
    'Main.java': `
      import java.nio.file.*;
      import org.springframework.security.oauth2.jwt.*;
      class Main {
        public static void main(String[] args) throws Exception {
          JwtDecoder decoder = new AccessTokens().jwtDecoder();
          if (args.length > 0) {
            ((NimbusJwtDecoder) decoder).setJwtValidator(JwtValidators.createAtJwtValidator()
                .issuer("${issuer}").audience("${AUDIENCE}").clientId(args[0]).build());
          }
          for (String token : Files.readAllLines(Path.of("tokens"))) {
            try {
              System.out.println("accepted " + decoder.decode(token).getClaimAsString("client_id"));
            } catch (RuntimeException error) {
              System.out.println("rejected " + error.getMessage().replace('\\n', ' '));
            }
          }
        }
      }`
  })
  const classpath = await springClasspath()
  await runAside(needCommand({ names: ['javac'], debianPackage: 'default-jdk-headless' }), ['-cp', classpath, 'AccessTokens.java', 'Main.java'], folder)
  check(t, await runAside(needCommand({ names: ['java'], debianPackage: 'default-jdk-headless' }), ['-cp', `${classpath}:.`, 'Main'], folder))
  // With the validator that Spring brings, too, which wants the client named.
  check(t, await runAside(needCommand({ names: ['java'], debianPackage: 'default-jdk-headless' }), ['-cp', `${classpath}:.`, 'Main', 'billing'], folder))
})

test('the server ends', async () => { await app.close() })
