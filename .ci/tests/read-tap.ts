/** Counts the assertions in the TAP of one test file, without the lines that sum up a subtest. */
export function readTap (output: string): { passed: number, skipped: number, failures: string[] } {
  let passed = 0
  let skipped = 0
  const failures: string[] = []
  const titles: string[] = []
  // The lines of a subtest are indented, and come before the line that sums it up.
  let lastIndent = 0
  const lines = output.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const indent = line.length - line.trimStart().length
    const title = /^ *# Subtest: (.*)/.exec(line)?.[1]
    if (title !== undefined) titles.splice(indent / 4, Infinity, title)
    const result = /^ *(not )?ok \d+(.*)/.exec(line)
    if (result !== null) {
      const [, isNotOk, rest = ''] = result
      const diagnosis = diagnosisAt(lines, i + 1)
      const isSummary = indent < lastIndent || rest.endsWith(' {')
      if (/ # (?:TODO|SKIP)/.test(rest)) skipped++
      else if (!isSummary && isNotOk === undefined) passed++
      else if (!isSummary) failures.push([titles.slice(0, indent / 4).join(' > '), line.trim(), ...diagnosis].join('\n'))
      i += diagnosis.length
    }
    // Also a plan, and the end of a subtest in braces.
    if (result !== null || /^ *(?:1\.\.\d+.*|\})$/.test(line)) lastIndent = indent
  }
  return { passed, skipped, failures }
}

/** Returns the YAML block that begins at a line, if one does. */
function diagnosisAt (lines: readonly string[], start: number): string[] {
  if (lines[start]?.trim() !== '---') return []
  const end = lines[start].replace('---', '...')
  return lines.slice(start, lines.indexOf(end, start) + 1)
}
