// Access tokens of other authorization servers, from the servers themselves: the presets of RemoteAccessTokens.
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import { RemoteAccessTokens } from '../../plugin/index.ts'
import type { TokenPresetName } from '../../src/access-token/remote/presets.ts'
import { needCommand } from '../../test/support/debian.ts'
import { freePort } from '../../test/support/program.ts'
import { runAside } from '../../test/support/run-aside.ts'
import { springClasspath } from '../../test/support/spring.ts'

const AUDIENCE = 'https://api.example.com'
const KEYCLOAK = '26.5.6'

/** Runs a server until the test ends. Resolves when a URL of it answers with 200. */
async function serve (t: Test, command: readonly string[], cwd: string, env: Record<string, string>, url: string): Promise<void> {
  const [file = '', ...args] = command
  const child: ChildProcess = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => { output += chunk })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    // With the processes that it has started.
    process.kill(-child.pid!, 'SIGKILL')
    await once(child, 'exit')
  })
  for (let tries = 0; !await fetch(url).then(({ status }) => status === 200, () => false); tries++) {
    if (child.exitCode !== null || tries > 900) throw new Error(`${file} does not start: ${output.slice(-4000)}`)
    await new Promise((resolve) => { setTimeout(resolve, 200) })
  }
}

async function askTokens (url: string, parameters: Record<string, string>, credentials?: string): Promise<Record<string, string>> {
  const headers = credentials === undefined ? undefined : { authorization: `Basic ${btoa(credentials)}` }
  const answer = await fetch(url, { method: 'POST', ...(headers && { headers }), body: new URLSearchParams(parameters) })
  const body = await answer.json() as Record<string, string>
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(body)}`)
  return body
}

async function check (t: Test, remote: RemoteAccessTokens, token: string, expected: 'accepted' | 'rejected', title: string): Promise<void> {
  const result = await remote.verify(token)
  t.equal(result.isValid, expected === 'accepted', `${title} is ${expected}: ${JSON.stringify(result.isValid ? decodeJwt(token) : String(result.cause))}`)
}

test('Keycloak: its access tokens are accepted, its ID and refresh tokens and those for another API are not', async (t) => {
  const keycloak = join(tmpdir(), `fastify-client-credentials-keycloak-${KEYCLOAK}`)
  if (!existsSync(join(keycloak, 'bin'))) {
    const artifact = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK}:tar.gz`
    mkdirSync(keycloak, { recursive: true })
    await runAside(needCommand({ names: ['mvn'], debianPackage: 'maven' }), ['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${keycloak}`], tmpdir())
    execFileSync('tar', ['xzf', join(keycloak, `keycloak-quarkus-dist-${KEYCLOAK}.tar.gz`), '-C', keycloak, '--strip-components=1'])
  }
  const mapper = (included: string) => ({
    name: 'audience',
    protocol: 'openid-connect',
    protocolMapper: 'oidc-audience-mapper',
    config: { 'included.custom.audience': included, 'access.token.claim': 'true' }
  })
  const client = (clientId: string, audience?: string, attributes = {}) => ({
    clientId, secret: 'secret', serviceAccountsEnabled: true, directAccessGrantsEnabled: true, standardFlowEnabled: false, attributes, ...(audience && { protocolMappers: [mapper(audience)] })
  })
  const realm = (name: string) => ({
    realm: name,
    enabled: true,
    clients: [
      client('reporting', AUDIENCE), client('unmapped'), client('elsewhere', 'https://other.example'),
      client('lightweight', undefined, { 'client.use.lightweight.access.token.enabled': 'true' }), client('rfc9068', AUDIENCE, { 'access.token.header.type.rfc9068': 'true' })
    ].map((one) => one.clientId === 'lightweight' ? { ...one, protocolMappers: [{ ...mapper(AUDIENCE), config: { ...mapper(AUDIENCE).config, 'lightweight.claim': 'true' } }] } : one),
    users: [{ username: 'alice', enabled: true, email: 'alice@example.com', firstName: 'A', lastName: 'B', emailVerified: true, credentials: [{ type: 'password', value: 'password', temporary: false }] }]
  })
  mkdirSync(join(keycloak, 'data', 'import'), { recursive: true })
  for (const name of ['shop', 'other']) writeFileSync(join(keycloak, 'data', 'import', `${name}-realm.json`), JSON.stringify(realm(name)))
  const port = await freePort()
  const issuer = `http://localhost:${port}/realms/shop`
  await serve(t, [join(keycloak, 'bin', 'kc.sh'), 'start-dev', '--import-realm', '--db=dev-mem', `--http-port=${port}`, '--http-host=127.0.0.1', '--http-management-port=' + await freePort()], keycloak, { JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1' }, `${issuer}/.well-known/openid-configuration`)

  const tokensOf = async (id: string, base = issuer) => askTokens(`${base}/protocol/openid-connect/token`, { grant_type: 'client_credentials' }, `${id}:secret`)
  const user = await askTokens(`${issuer}/protocol/openid-connect/token`, { grant_type: 'password', username: 'alice', password: 'password', scope: 'openid' }, 'reporting:secret')
  const remote = new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset: 'keycloak' })
  const { access_token: token = '' } = await tokensOf('reporting')
  t.match(await remote.verify(token), { isValid: true, credentials: { app: { id: 'reporting' } } })
  for (const id of ['lightweight', 'rfc9068']) await check(t, remote, (await tokensOf(id)).access_token!, 'accepted', id)
  await check(t, remote, user.access_token!, 'accepted', 'a token for a user')
  for (const id of ['unmapped', 'elsewhere']) await check(t, remote, (await tokensOf(id)).access_token!, 'rejected', id)
  await check(t, remote, user.id_token!, 'rejected', 'the ID token')
  await check(t, new RemoteAccessTokens({ issuer, audience: 'reporting', preset: 'keycloak' }), user.id_token!, 'rejected', 'the ID token, where the audience is its client')
  await check(t, remote, user.refresh_token!, 'rejected', 'the refresh token')
  await check(t, new RemoteAccessTokens({ issuer, audience: issuer, preset: 'keycloak' }), user.refresh_token!, 'rejected', 'the refresh token, where the audience is the issuer')
  await check(t, remote, (await tokensOf('reporting', issuer.replace('shop', 'other'))).access_token!, 'rejected', 'another realm')
  await check(t, new RemoteAccessTokens({ issuer, audience: AUDIENCE }), token, 'rejected', 'without the preset')
  for (const preset of ['spring', 'okta', 'entra-v2'] as TokenPresetName[]) await check(t, new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset }), token, 'rejected', `by the preset ${preset}`)
})

const APPLICATION = `
import java.util.UUID;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.settings.AuthorizationServerSettings;
import org.springframework.security.oauth2.server.authorization.token.JwtEncodingContext;
import org.springframework.security.oauth2.server.authorization.token.OAuth2TokenCustomizer;

@SpringBootApplication
public class Application {
  public static void main(String[] args) {
    SpringApplication.run(Application.class, args);
  }

  @Bean
  RegisteredClientRepository clients() {
    return new InMemoryRegisteredClientRepository(client("reporting"), client("mapped"), client("elsewhere"));
  }

  @Bean
  OAuth2TokenCustomizer<JwtEncodingContext> audience() {
    return context -> {
      switch (context.getRegisteredClient().getClientId()) {
        case "mapped" -> context.getClaims().audience(java.util.List.of("${AUDIENCE}"));
        case "elsewhere" -> context.getClaims().audience(java.util.List.of("https://other.example"));
      }
    };
  }

  @Bean
  AuthorizationServerSettings settings(@org.springframework.beans.factory.annotation.Value("\${server.port}") int port) {
    return AuthorizationServerSettings.builder().issuer("http://localhost:" + port).build();
  }

  private static RegisteredClient client(String id) {
    return RegisteredClient.withId(UUID.randomUUID().toString()).clientId(id).clientSecret("{noop}" + id)
        .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
        .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS).scope("data:read").build();
  }
}
`

test('Spring Authorization Server: its access tokens are accepted for the clients that are listed', async (t) => {
  const classpath = await springClasspath()
  const folder = mkdtempSync(join(tmpdir(), 'spring-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  mkdirSync(join(folder, 'demo'))
  writeFileSync(join(folder, 'demo', 'Application.java'), `package demo;\n${APPLICATION}`)
  await runAside(needCommand({ names: ['javac'], debianPackage: 'default-jdk-headless' }), ['-parameters', '-cp', classpath, 'demo/Application.java'], folder)
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  await serve(t, [needCommand({ names: ['java'], debianPackage: 'default-jdk-headless' }), '-XX:TieredStopAtLevel=1', '-cp', `${classpath}:.`, 'demo.Application', `--server.port=${port}`, '--server.address=127.0.0.1'], folder, {}, `${issuer}/.well-known/oauth-authorization-server`)

  const tokenOf = async (id: string, scope?: string) => (await askTokens(`${issuer}/oauth2/token`, { grant_type: 'client_credentials', ...(scope && { scope }) }, `${id}:${id}`)).access_token!
  const remote = new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset: 'spring', clientIds: ['reporting', 'mapped', 'elsewhere'] })
  t.match(await remote.verify(await tokenOf('reporting', 'data:read')), { isValid: true, credentials: { app: { id: 'reporting' }, scope: ['data:read'] } })
  await check(t, remote, await tokenOf('reporting'), 'accepted', 'a token without scopes')
  t.match(await new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset: 'spring' }).verify(await tokenOf('mapped', 'data:read')), { isValid: true, credentials: { app: { id: 'mapped' } } })
  await check(t, remote, await tokenOf('elsewhere', 'data:read'), 'rejected', 'another API')
  await check(t, new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset: 'spring' }), await tokenOf('reporting', 'data:read'), 'rejected', 'without clientIds')
  await check(t, new RemoteAccessTokens({ issuer, audience: AUDIENCE, preset: 'spring', clientIds: ['mapped'] }), await tokenOf('reporting', 'data:read'), 'rejected', 'a client that is not listed')
  await check(t, new RemoteAccessTokens({ issuer, audience: AUDIENCE, clientIds: ['mapped'] }), await tokenOf('mapped', 'data:read'), 'rejected', 'without the preset')
})
