import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { needCommand, NGINX } from './debian.ts'
import { freePort } from './program.ts'

/** What nginx is run with. */
export interface NginxPlan {
  /** Behind the port of "listen", such as "ssl". */
  listen?: string
  /** Files in its folder, which the configuration names by "$folder/". */
  files?: Readonly<Record<string, string>>
  /** What stands in the `server` block besides "listen". */
  server: string
}

/** Starts the nginx of the machine for one test. Resolves to its port on 127.0.0.1. */
export async function startNginx (t: Test, { listen = '', files = {}, server }: NginxPlan): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = await freePort()
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'nginx.conf'), `
    daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      server {
        listen 127.0.0.1:${port} ${listen};
        ${server.replaceAll('$folder', folder)}
      }
    }`)
  const nginx = spawn(needCommand(NGINX), ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', join(folder, 'error.log')], { stdio: 'ignore' })
  t.teardown(async () => {
    nginx.kill()
    if (nginx.exitCode === null && nginx.signalCode === null) await once(nginx, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
  while (!await isUp(port)) {
    if (nginx.exitCode !== null) throw new Error('nginx does not start')
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  return port
}

async function isUp (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isConnected = await once(socket, 'connect').then(() => true, () => false)
  socket.destroy()
  return isConnected
}
