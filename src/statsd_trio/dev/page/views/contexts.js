// The contexts of one metric, with their values.
import { html } from "/page/html.js";
import { CopyButton } from "/page/clipboard.js";
import { List } from "/page/list.js";
import { formatAgo, formatCount, formatValue } from "/page/numbers.js";
import { Search } from "/page/search.js";
import { Tags } from "/page/words.js";

const ROW_HEIGHT = 30;
const MOST_HEIGHT = 390;

export function ContextsPanel({ app, place, doc }) {
  const { contexts } = doc;
  const figures = doc.chart.figures.filter((figure) => figure !== "rate");
  const columns = [
    { key: "tags", title: "Tags", className: "of-tags" },
    ...figures.map((figure) => ({
      key: figure,
      title: figure,
      className: "of-figure number",
    })),
    { key: "seen", title: "Seen", className: "of-ago number" },
    { key: "test", title: "Test", className: "of-test" },
  ];
  return html`<section class="panel">
    <header>
      <h3>
        Contexts
        <span class="figure">${formatCount(contexts.total)}</span>
      </h3>
      <${Search} app=${app} place=${place} label="Filter by tag" />
    </header>
    <${List}
      id="contexts"
      label="Contexts"
      total=${contexts.total}
      offset=${contexts.offset}
      rows=${contexts.rows}
      rowHeight=${ROW_HEIGHT}
      height=${Math.min(MOST_HEIGHT, contexts.total * ROW_HEIGHT + 46)}
      columns=${columns}
      rowKey=${(row) => `${row.type} ${row.host} ${row.tags.join()}`}
      cells=${(row) => [
        html`<span class="tags" title=${row.tags.join(", ")}
          ><${Tags} tags=${row.tags}
        /></span>`,
        ...figures.map((figure) => formatValue(row.values?.[figure])),
        formatAgo(doc.now, row.last_seen),
        html`<${CopyButton}
          className="link"
          text=${row.assertion}
          label="copy"
          title=${row.assertion}
        />`,
      ]}
      selected=${-1}
      onSelect=${() => undefined}
      onWindow=${(rows) => app.setRows(rows)}
    />
    ${!contexts.total && html`<p class="note">No context has such a tag.</p>`}
  </section>`;
}
