// Events and service checks, newest first.
import { html } from "/page/html.js";
import { formatAgo, formatAmount, formatClock } from "/page/numbers.js";
import { Search } from "/page/search.js";
import { Choice, Empty, RowsEnd, Tags } from "/page/words.js";

const KINDS = [
  ["", "All"],
  ["event", "Events"],
  ["service_check", "Service checks"],
];

export function FeedView({ app, place, doc, server, rows }) {
  const now = server?.now ?? doc?.now;
  if (doc && !doc.rows.length && !place.q && !place.kind) {
    return html`<${Empty} title="No event and no service check has come yet">
      <p>
        ${
          server?.client?.DD_AGENT_HOST
            ? html`<code>statsd.event("Deployed", "v2 is out")</code> of Datadog’s
                client sends one.`
            : ""
        }
      </p>
    <//>`;
  }
  return html`
    <div class="bar">
      <${Search} app=${app} place=${place} label="Search events" />
      <${Choice}
        label="Kind"
        options=${KINDS}
        value=${place.kind}
        onPick=${(kind) => app.refine({ kind })}
      />
      <span class="bar-note" role="status">${doc ? doc.total : ""}</span>
    </div>
    <div class="scroll" tabindex="0" role="feed" aria-label="Events and service checks">
      ${doc?.rows.map((row) =>
        row.kind === "event" ? renderEvent(row, now) : renderCheck(row, now),
      )}
      <${RowsEnd} app=${app} doc=${doc} rows=${rows} />
      ${
        doc?.forgot > 0 &&
        html`<p class="note">
          ${formatAmount(doc.forgot, "older one")} ${doc.forgot === 1 ? "is" : "are"}
          not kept any more.
        </p>`
      }
    </div>
  `;
}

function renderEvent(row, now) {
  return html`<article key=${row.id} class="card" aria-label=${row.title}>
    <header>
      <span class=${`status is-${row.alert_type}`}>${row.alert_type}</span>
      <h3>${row.title}</h3>
      <time title=${formatClock(row.time)}>${formatAgo(now, row.time)}</time>
    </header>
    ${
      row.body &&
      html`<pre class=${row.is_markdown ? "body" : "body is-plain"}>
${row.body.trim()}</pre>`
    }
    <footer>
      ${row.is_markdown && html`<span class="faint">markdown</span>`}
      ${row.priority !== "normal" && html`<span>${row.priority} priority</span>`}
      ${row.source_type_name && html`<span>from ${row.source_type_name}</span>`}
      ${row.aggregation_key && html`<span>key ${row.aggregation_key}</span>`}
      ${row.host && html`<span>host ${row.host}</span>`}
      <${Tags} tags=${row.tags} />
    </footer>
    ${renderWarnings(row)}
  </article>`;
}

function renderCheck(row, now) {
  return html`<article key=${row.id} class="card is-check" aria-label=${row.name}>
    <header>
      <span class=${`status is-${row.status}`}>${row.status}</span>
      <h3 class="name">${row.name}</h3>
      <time title=${formatClock(row.time)}>${formatAgo(now, row.time)}</time>
    </header>
    ${row.message && html`<p class="message">${row.message}</p>`}
    <footer>
      ${row.host && html`<span>host ${row.host}</span>`}
      <${Tags} tags=${row.tags} />
    </footer>
    ${renderWarnings(row)}
  </article>`;
}

function renderWarnings(row) {
  return row.warnings.map((warning, index) => {
    const text = typeof warning === "string" ? warning : warning.text;
    return html`<p key=${index} class="callout">${text}</p>`;
  });
}
