// Every metric's name as it comes.
import { html } from "/page/html.js";
import { List } from "/page/list.js";
import { formatAgo, formatCount, formatRate, formatValue } from "/page/numbers.js";
import { linkMetric, placeOf } from "/page/place.js";
import { isNarrow } from "/page/screen.js";
import { Search } from "/page/search.js";
import { Spark } from "/page/spark.js";
import { Welcome } from "/page/welcome.js";
import { Empty, Problems, Types } from "/page/words.js";

const TYPES = ["counter", "gauge", "set", "histogram", "timer", "distribution"];
const COLUMNS = [
  { key: "name", title: "Name", sort: "name", className: "of-name" },
  { key: "type", title: "Type", sort: "type", className: "of-type" },
  {
    key: "contexts",
    title: "Contexts",
    sort: "contexts",
    className: "of-count number",
  },
  { key: "rate", title: "Lines/s", sort: "lines", className: "of-rate number" },
  { key: "last", title: "Last value", sort: "last", className: "of-last number" },
  { key: "spark", title: "5 minutes", className: "of-spark" },
  { key: "seen", title: "Seen", sort: "seen", className: "of-seen number" },
];
const KINDS = {
  count: "/s",
  per_second: "/s",
  value: "",
  unique: "unique",
  p50: "p50",
};

export function MetricsView({ app, place, doc, server, selected }) {
  if (doc && !doc.all) return html`<${Welcome} server=${server} />`;
  const isFiltered = place.q || place.type || place.tag;
  return html`
    <div class="bar">
      <${Search} app=${app} place=${place} label="Search names" />
      <select
        aria-label="Type"
        value=${place.type}
        onChange=${(event) => app.refine({ type: event.target.value })}
      >
        <option value="">All types</option>
        ${TYPES.map((type) => html`<option key=${type} value=${type}>${type}</option>`)}
      </select>
      <input
        type="text"
        class="tag-filter"
        aria-label="Tag"
        placeholder="tag or key:value"
        value=${place.tag}
        onInput=${(event) => app.refine({ tag: event.target.value.trim() })}
      />
      <span class="bar-note" role="status"
        >${
          doc
            ? isFiltered
              ? `${formatCount(doc.total)} of ${formatCount(doc.all)}`
              : formatCount(doc.all)
            : ""
        }</span
      >
    </div>
    ${
      doc && !doc.total
        ? html`<${Empty} title="No metric is like that">
            <p>
              <button
                type="button"
                class="button"
                onClick=${() => app.refine({ q: "", type: "", tag: "" })}
              >
                Show all ${formatCount(doc.all)}
              </button>
            </p>
          <//>`
        : html`<${List}
            id="metrics"
            label="Metrics"
            total=${doc?.total ?? 0}
            offset=${doc?.offset ?? 0}
            rows=${doc?.rows ?? []}
            rowHeight=${isNarrow() ? 46 : 30}
            columns=${COLUMNS}
            rowKey=${(row) => row.name}
            cells=${(row) => renderCells(row, doc, app)}
            selected=${selected}
            onSelect=${(index) => app.select(index)}
            onOpen=${(row) => app.go(placeOf("metric", { name: row.name }))}
            onWindow=${(next) => app.setRows(next)}
            sort=${place.sort}
            order=${place.order}
            onSort=${(sort) => app.refine(turn(place, sort))}
          />`
    }
  `;
}

function renderCells(row, doc, app) {
  return [
    html`<a
        class="name"
        title=${row.name}
        href=${linkMetric(row.name)}
        tabindex="-1"
        onClick=${(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          app.go(placeOf("metric", { name: row.name }));
        }}
        >${row.name}</a
      ><${Problems} codes=${row.problems} />`,
    html`<${Types} types=${row.types} />`,
    formatCount(row.contexts),
    formatRate(row.lines_per_second),
    html`${formatValue(row.last)}<small
        >${row.last === null ? "" : describeLast(row)}</small
      >`,
    html`<${Spark} values=${row.spark} />`,
    formatAgo(doc.now, row.last_seen),
  ];
}

function describeLast(row) {
  const unit = row.unit === "millisecond" ? "ms" : row.unit;
  return [unit, KINDS[row.last_kind] ?? row.last_kind].filter(Boolean).join(" ");
}

/** The same column once more turns its order. */
function turn(place, sort) {
  const usual = ["name", "type"].includes(sort) ? "asc" : "desc";
  if (place.sort !== sort) return { sort, order: usual };
  return { sort, order: place.order === "asc" ? "desc" : "asc" };
}
