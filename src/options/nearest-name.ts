// The maximum edit distance of a typing error, as a share of the length of the name.
const MAX_SHARE = 0.5

/**
 * Returns the known name that is nearest to a mistyped one, by edit distance (insertions, deletions, substitutions and swaps
 * of neighbours), without regard to case. Where a name is the beginning of another one, such as "jwks" of "jwksUri", they
 * count as near.
 *
 * @returns undefined if no name is near
 */
export function nearestName (name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  let nearest: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const distance = wanted.length > 1 && (other.startsWith(wanted) || (other.length > 1 && wanted.startsWith(other))) ? 1 : editDistance(wanted, other)
    if (distance < least && distance <= Math.max(wanted.length, other.length) * MAX_SHARE) [nearest, least] = [candidate, distance]
  }
  return nearest
}

// Optimal string alignment, row by row. The end of long names is ignored, to bound the cost.
const MAX_LENGTH = 64

function editDistance (one: string, other: string): number {
  const [a, b] = [one.slice(0, MAX_LENGTH), other.slice(0, MAX_LENGTH)]
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1), isSwap ? beforeLast[column - 2]! + 1 : Infinity
      )
    }
    [beforeLast, last] = [last, current]
  }
  return last[b.length]!
}
