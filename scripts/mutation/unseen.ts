/** What no test need notice: a plugin of Stryker that makes no mutants of it. Each rule says why. */

/** As much of Babel's paths as the rules look at. */
interface NodePath {
  readonly node: { readonly type: string; readonly callee?: Callee; readonly id?: Identifier }
}

interface Identifier {
  readonly name?: string
}

interface Callee {
  readonly type: string
  readonly property?: Identifier
}

interface Rule {
  readonly reason: string
  readonly matches: (node: NodePath["node"]) => boolean
}

const rules: ReadonlyArray<Rule> = [
  {
    reason: "The wording of a log is for people alone.",
    matches: ({ type, callee }) => type === "CallExpression" && /^log(Debug|Info|Warning|Error)$/.test(callee?.property?.name ?? ""),
  },
  {
    reason: "Key ids may share places of the table however they like: it costs a look-up, and changes no answer.",
    matches: ({ type, id }) => type === "VariableDeclarator" && id?.name === "placeOf",
  },
]

export const strykerPlugins = [
  {
    kind: "Ignore",
    name: "unseen",
    value: { shouldIgnore: ({ node }: NodePath): string | undefined => rules.find(({ matches }) => matches(node))?.reason },
  },
]
