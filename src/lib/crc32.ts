// The polynomial of zip and PNG, reflected.
const POLYNOMIAL = 0xEDB88320

/** CRC-32 of an ASCII text. It finds typing errors and keeps scanners from false alarms; it proves nothing. */
export function crc32 (text: string): number {
  // node:zlib has it from Node 22 on only. Bit by bit, since a table would save a microsecond for what is seldom asked.
  let crc = -1
  for (let index = 0; index < text.length; index++) {
    crc ^= text.charCodeAt(index)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1))
  }
  return (crc ^ -1) >>> 0
}
