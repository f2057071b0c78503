const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** Parses a duration: `90`, `90s`, `15m`, `12h` or `30d`. @returns seconds; undefined for anything else */
export function toSeconds (text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,10})([smhd])?$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * UNITS[unit as keyof typeof UNITS]
}
