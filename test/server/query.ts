// What a query of Prometheus asks for, by the grammar of Prometheus itself.

import { parser } from '@prometheus-io/lezer-promql'

export interface Selector {
  readonly metric: string
  /** What each label has to match, as a regular expression. */
  readonly matchers: readonly { readonly label: string; readonly pattern: RegExp }[]
  /** `rate`, `increase`, … of which it is the argument. */
  readonly function: string | undefined
}

/** What is summed up by labels. */
export interface Grouping {
  readonly labels: readonly string[]
  readonly selectors: readonly Selector[]
}

export interface Query {
  readonly selectors: readonly Selector[]
  readonly groupings: readonly Grouping[]
}

type Node = ReturnType<typeof parser.parse>['topNode']

/** @throws SyntaxError for what is no query */
export function readQuery(text: string): Query {
  const { topNode } = parser.parse(text)
  const nodes = below(topNode)
  const wrong = nodes.find(({ type }) => type.isError)
  if (wrong) throw new SyntaxError(`no query from character ${wrong.from} on: ${text}`)
  const selectorsOf = (node: Node) => named(below(node), 'VectorSelector').map((each) => readSelector(text, each))
  return {
    selectors: selectorsOf(topNode),
    groupings: named(nodes, 'AggregateExpr').map((aggregate) => ({
      labels: named(below(aggregate.getChild('AggregateModifier')), 'LabelName').map((each) => textOf(text, each)),
      selectors: selectorsOf(aggregate),
    })),
  }
}

function readSelector(text: string, selector: Node): Selector {
  const matchers = named(below(selector), 'UnquotedLabelMatcher').map((matcher) => {
    const [label, operator, literal] = ['LabelName', 'MatchOp', 'StringLiteral'].map((name) => textOf(text, matcher.getChild(name)!))
    const value = JSON.parse(literal!) as string
    if (operator !== '=' && operator !== '=~') throw new SyntaxError(`nobody has looked at ${operator} yet: ${text}`)
    return { label: label!, pattern: new RegExp(`^(?:${operator === '=' ? value.replace(/[^\w]/g, '\\$&') : value})$`) }
  })
  const range = selector.parent?.name === 'MatrixSelector' ? selector.parent : undefined
  const call = range?.parent?.parent
  return {
    metric: textOf(text, selector.getChild('Identifier')!),
    matchers,
    function: call?.name === 'FunctionCall' ? textOf(text, call.getChild('FunctionIdentifier')!) : undefined,
  }
}

/** A node and all that it consists of. */
function below(node: Node | null): Node[] {
  if (!node) return []
  const children: Node[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return [node, ...children.flatMap(below)]
}

function named(nodes: readonly Node[], name: string): Node[] {
  return nodes.filter((node) => node.name === name)
}

function textOf(text: string, { from, to }: Node): string {
  return text.slice(from, to)
}
