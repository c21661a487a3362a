// Prints the closing line from the test runner's own reports, and fails if anything in them did. `--skipped` counts runs that weren't made.
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"

const { values, positionals } = parseArgs({ allowPositionals: true, options: { skipped: { type: "string", default: "0" } } })

const counts = positionals.map((file) => {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = JSON.parse(readFileSync(file, "utf8"))
  // A file that can't be loaded fails without a test in it.
  const failedFiles = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  )
  const failed = numFailedTests + failedFiles.length
  const isGood = success && failed === 0 && numPassedTests > 0
  return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests, isGood }
})

const sum = (name) => counts.reduce((total, each) => total + each[name], 0)
const skipped = sum("skipped") + Number(values.skipped)
console.log(`${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = counts.length > 0 && counts.every(({ isGood }) => isGood) ? 0 : 1
