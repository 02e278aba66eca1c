// What Datadog would receive of one metric.
import { html } from "/page/html.js";
import { formatClock, formatValue } from "/page/numbers.js";
import { Tags } from "/page/words.js";

export function DatadogPanel({ doc }) {
  const { as_of: asOf, next, note, left_out: leftOut, series } = doc.datadog;
  return html`<section class="panel">
    <header>
      <h3>What Datadog would receive</h3>
      <span class="faint"
        >${
          asOf === null
            ? `first at ${formatClock(next)}`
            : `as of ${formatClock(asOf)}, next at ${formatClock(next)}`
        }</span
      >
    </header>
    ${note && html`<p class="note">${note}</p>`}
    ${
      !series.length &&
      !note &&
      html`<p class="note">
        ${
          asOf === null
            ? "Nothing has been flushed yet."
            : "Nothing: no value came in the last interval."
        }
      </p>`
    }
    <div class="series" tabindex="0" role="group" aria-label="Series">
      ${series.map(
        (each, index) =>
          html`<div class="one-series" key=${index}>
            <div class="series-head">
              <b class="name">${each.name}</b>
              <span class="points">${each.points.map(renderPoint)}</span>
            </div>
            <div class="series-facts">
              <span>${describe(each)}</span> <${Tags} tags=${each.tags} />
            </div>
          </div>`,
      )}
    </div>
    ${leftOut > 0 && html`<p class="note">${leftOut} more series are not shown.</p>`}
  </section>`;
}

function describe(series) {
  const facts = [series.type];
  if (series.interval) facts.push(`interval ${series.interval} s`);
  if (series.unit) facts.push(`unit ${series.unit}`);
  facts.push(series.host ? `host ${series.host}` : "no host");
  if (series.device) facts.push(`device ${series.device}`);
  return facts.join(" · ");
}

function renderPoint([time, value]) {
  const text =
    typeof value === "object" && value !== null
      ? ["count", "min", "avg", "max", "sum"]
          .map((figure) => `${figure} ${formatValue(value[figure])}`)
          .join("  ")
      : formatValue(value);
  return html`<span key=${time} title=${formatClock(time)}>${text}</span>`;
}
