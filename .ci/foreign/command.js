// The program as a command: `command.js REMOTE`, the server elsewhere in JSON. The report goes to stdout.
import { prove } from './program.js'

console.log(JSON.stringify(await prove(JSON.parse(process.argv[2]))))
