// Every rejected line, with a caret under the fault and how to mend it.
import { html } from "/page/html.js";
import { CopyButton } from "/page/clipboard.js";
import { formatAgo, formatAmount, formatClock, formatCount } from "/page/numbers.js";
import { isNarrow } from "/page/screen.js";
import { Search } from "/page/search.js";
import { Empty, RowsEnd } from "/page/words.js";

export function RejectedView({ app, place, doc, server, rows }) {
  const now = server?.now ?? doc?.now;
  if (doc && !doc.total && !place.q) {
    return html`<${Empty} title="Nothing was rejected" className="is-good">
      <p>Every line that came is one that Datadog would take.</p>
    <//>`;
  }
  return html`
    <div class="bar">
      <${Search} app=${app} place=${place} label="Search lines and reasons" />
      <span class="bar-note" role="status"
        >${
          doc
            ? `${formatAmount(doc.lines, "line")} in ${formatAmount(doc.total, "row")}`
            : ""
        }</span
      >
    </div>
    <div class="scroll" tabindex="0" role="group" aria-label="Rejected lines">
      ${doc && sortRows(doc.rows).map((row) => renderRow(row, now))}
      <${RowsEnd} app=${app} doc=${doc} rows=${rows} />
      ${
        doc?.forgot_rows > 0 &&
        html`<p class="note">
          ${formatAmount(doc.forgot_lines, "line")} in
          ${` ${formatAmount(doc.forgot_rows, "older row")} `} are not kept any more.
        </p>`
      }
    </div>
  `;
}

/** By when each fault came first, so that no row moves while one reads it. */
function sortRows(rows) {
  return [...rows].sort((one, other) => other.id - one.id);
}

function renderRow(row, now) {
  const [before, fault, after, caret] = cut(row, isNarrow() ? 38 : 110);
  return html`<article key=${row.id} class="card rejected" aria-label=${row.message}>
    <header>
      <span class="times" title="How often it came">${formatCount(row.count)}×</span>
      <pre class="faulty" tabindex="0" role="group" aria-label="Line">
${before}<mark>${fault}</mark>${`${after}\n${caret}`}</pre>
      <time title=${formatClock(row.last_seen)}>${formatAgo(now, row.last_seen)}</time>
    </header>
    <p class="message">${row.message}</p>
    ${
      row.suggestion !== null &&
      html`<p class="suggestion">
        <span>Send</span> <code tabindex="0">${row.suggestion}</code>
        <${CopyButton} className="link" text=${row.suggestion} label="copy" />
      </p>`
    }
    <footer>
      <span class="faint">${row.reason.replaceAll("_", " ")}</span>
      ${row.senders.map(
        (each) =>
          html`<span key=${each.sender + each.listener}
            >from ${each.sender || "unknown"} to ${each.listener}
            ${row.senders.length > 1 && ` (${formatCount(each.count)}×)`}</span
          >`,
      )}
      ${row.is_cut && html`<span>the line was longer than is kept</span>`}
    </footer>
  </article>`;
}

/** Cut a long line around its fault; columns are characters, not UTF-16 units. */
function cut(row, room) {
  const characters = Array.from(row.line);
  const column = Math.min(row.column, characters.length);
  let from = 0;
  let to = characters.length;
  if (to > room) {
    from = Math.max(0, Math.min(column - Math.floor(room / 2), to - room));
    to = from + room;
  }
  const start = from > 0 ? "…" : "";
  const end = to < characters.length ? "…" : "";
  const before = start + characters.slice(from, column).join("");
  return [
    before,
    characters[column] ?? "",
    characters.slice(column + 1, to).join("") + end,
    `${" ".repeat(Array.from(before).length)}^`,
  ];
}
