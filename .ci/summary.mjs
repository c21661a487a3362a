// Prints the closing line from the test runner's own report, and fails if anything in it did.
import { readFileSync } from "node:fs"

const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = JSON.parse(
  readFileSync(process.argv[2], "utf8"),
)
// A file that can't be loaded fails without a test in it.
const failedFiles = testResults.filter(
  ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
)
const failed = numFailedTests + failedFiles.length
const skipped = numPendingTests + numTodoTests
console.log(`${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = success && failed === 0 && numPassedTests > 0 ? 0 : 1
