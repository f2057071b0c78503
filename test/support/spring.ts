import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needCommand } from './debian.ts'
import { runAside } from './run-aside.ts'

// Spring Security 6.5 and Spring Authorization Server 1.5.
const BOOT = '3.5.7'

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId>
    <version>${BOOT}</version>
  </parent>
  <groupId>local</groupId>
  <artifactId>spring</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-starter-oauth2-authorization-server</artifactId>
    </dependency>
  </dependencies>
</project>
`

/** The class path of Spring Boot with Spring Security and Spring Authorization Server: from Maven, once on a machine. */
export async function springClasspath (): Promise<string> {
  const folder = join(tmpdir(), `fastify-client-credentials-spring-${BOOT}`)
  const file = join(folder, 'classpath')
  const isThere = () => existsSync(file) && readFileSync(file, 'utf8').split(':').every((path) => existsSync(path))
  if (!isThere()) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'pom.xml'), POM)
    await runAside(needCommand({ names: ['mvn'], debianPackage: 'maven' }), ['-q', '-B', 'dependency:build-classpath', `-Dmdep.outputFile=${file}`], folder)
  }
  return readFileSync(file, 'utf8').trim()
}
