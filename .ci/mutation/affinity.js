// Which test files to ask first: those that are about the file that the mutant is in.

/**
 * @param ids the mutants of the source file
 * @param reachedBy for each test file, the set of mutants that its tests reach while they run
 * @returns the names of the test files, the most telling first: how much of what a test file reaches is in the source file
 */
export function rank (ids, reachedBy) {
  const share = (reached) => ids.filter((id) => reached.has(id)).length / (reached.size || 1)
  return [...reachedBy].map(([file, reached]) => ({ file, share: share(reached) })).sort((a, b) => b.share - a.share).map(({ file }) => file)
}

/**
 * @param source the source file
 * @returns how many words of its path are in the name of the test file
 */
export function sharedWords (source, testFile) {
  const words = new Set(wordsOf(source))
  return wordsOf(testFile).filter((word) => words.has(word)).length
}

const wordsOf = (path) => /(?:src|plugin|test)\/(.*)\.\w+$/.exec(path)?.[1].split(/[/.-]/).filter((word) => word !== 'index' && word !== 'test') ?? []
