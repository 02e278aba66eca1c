// How many contexts each name makes, which tags make them, and what that may cost.
import { html } from "/page/html.js";
import { List } from "/page/list.js";
import { formatAmount, formatCount, formatValue } from "/page/numbers.js";
import { placeOf } from "/page/place.js";
import { Search } from "/page/search.js";
import { Empty, Problems, Types } from "/page/words.js";

const COLUMNS = [
  { key: "name", title: "Name", className: "of-name" },
  { key: "type", title: "Type", className: "of-type" },
  { key: "contexts", title: "Contexts", className: "of-count number" },
  { key: "each", title: "× series", className: "of-count number" },
  { key: "custom", title: "Custom metrics", className: "of-custom number" },
  { key: "share", title: "Share", className: "of-share" },
];

export function CardinalityView({ app, place, doc, selected }) {
  if (doc && !doc.total && !place.q) {
    return html`<${Empty} title="No context yet">
      <p>A context is a name with one set of tags: what Datadog counts and bills.</p>
    <//>`;
  }
  return html`
    <div class="bar">
      <${Search} app=${app} place=${place} label="Search names" />
      ${doc && renderCost(app, place, doc)}
    </div>
    <div class=${doc?.metric ? "sides has-detail" : "sides"}>
      <${List}
        id="cardinality"
        label="Contexts by name"
        total=${doc?.total ?? 0}
        offset=${doc?.offset ?? 0}
        rows=${doc?.names ?? []}
        rowHeight=${30}
        columns=${COLUMNS}
        rowKey=${(row) => row.name}
        cells=${(row) => renderCells(row, doc)}
        selected=${selected}
        onSelect=${(index) => app.select(index)}
        onOpen=${(row) => app.refine({ name: row.name })}
        onWindow=${(rows) => app.setRows(rows)}
      />
      ${doc?.metric && html`<${Detail} app=${app} metric=${doc.metric} />`}
    </div>
  `;
}

function renderCost(app, place, doc) {
  const price = Number.parseFloat(place.price);
  return html`<p class="cost">
    <span
      ><b>${formatAmount(doc.custom_metrics, "custom metric")}</b> from
      ${` ${formatAmount(doc.contexts, "context")}`}</span
    >
    <label
      >× price a month
      <input
        type="number"
        min="0"
        step="any"
        inputmode="decimal"
        placeholder="yours"
        value=${place.price}
        onInput=${(event) => app.refine({ price: event.target.value })}
    /></label>
    <output
      >${
        Number.isFinite(price) && price >= 0
          ? `= ${formatMoney(price * doc.custom_metrics)} a month`
          : "= …"
      }</output
    >
  </p>`;
}

function formatMoney(amount) {
  return amount.toLocaleString("en-GB", {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
}

function renderCells(row, doc) {
  const share = doc.custom_metrics ? row.custom_metrics / doc.custom_metrics : 0;
  return [
    html`<span class="name" title=${row.name}>${row.name}</span
      ><${Problems} codes=${row.problems} />`,
    html`<${Types} types=${row.types} />`,
    formatCount(row.contexts),
    formatCount(row.series_per_context),
    formatCount(row.custom_metrics),
    html`<span class="share"
      ><i style=${{ width: `${Math.max(1, share * 100)}%` }}></i
    ></span>`,
  ];
}

function Detail({ app, metric }) {
  return html`<section class="panel detail" aria-label=${metric.name}>
    <header>
      <h3 class="name">${metric.name}</h3>
      <button
        type="button"
        class="button"
        onClick=${() => app.go(placeOf("metric", { name: metric.name }))}
      >
        Open
      </button>
      <button
        type="button"
        class="button"
        aria-label="Close"
        title="Close (Esc)"
        onClick=${() => app.refine({ name: "" })}
      >
        ✕
      </button>
    </header>
    ${!metric.tags.length && html`<p class="note">It has no tags.</p>`}
    ${metric.tags.map((tag) => {
      const most = Math.max(...tag.examples.map((each) => each.contexts), 1);
      return html`<div key=${tag.key} class="tag-key">
        <h4>
          <span class="name">${tag.key}</span>
          <span class="figure"
            >${formatAmount(tag.values, "value")}${tag.is_capped ? " or more" : ""}</span
          >
          ${tag.looks_unbounded && html`<span class="problem">looks unbounded</span>`}
        </h4>
        <ul>
          ${tag.examples.map(
            (each) =>
              html`<li key=${each.value}>
                <span class="name">${each.value || "(no value)"}</span>
                <span class="share"
                  ><i style=${{ width: `${(each.contexts / most) * 100}%` }}></i
                ></span>
                <span class="number">${formatValue(each.contexts)}</span>
              </li>`,
          )}
        </ul>
      </div>`;
    })}
  </section>`;
}
