// One metric: its chart, contexts, lines, and what Datadog would receive.
import { html } from "/page/html.js";
import { CopyButton } from "/page/clipboard.js";
import { formatAgo, formatAmount, formatClock, formatRate } from "/page/numbers.js";
import { ChartPanel } from "/page/views/metric_chart.js";
import { ContextsPanel } from "/page/views/contexts.js";
import { DatadogPanel } from "/page/views/datadog.js";
import { Empty, nameProblem, Types } from "/page/words.js";

export function MetricView(props) {
  const { app, place, doc, gone } = props;
  return html`<div class="metric">
    <div class="metric-head">
      <button
        type="button"
        class="button"
        title="Back (Esc)"
        aria-label="Back"
        onClick=${() => app.back()}
      >
        ←
      </button>
      <h2 class="name">${place.name}</h2>
      ${
        doc &&
        html`<span class="types"><${Types} types=${doc.types} /></span>
          <span class="facts"
            >${formatAmount(doc.lines, "line")} ·
            ${` ${formatRate(doc.lines_per_second)} `}lines/s · seen
            ${` ${formatAgo(doc.now, doc.last_seen)}`}</span
          >`
      }
    </div>
    ${
      gone &&
      html`<${Empty} title="This metric is not there (any more)">
        <p>It is shown as soon as it comes.</p>
      <//>`
    }
    ${doc && renderDocument(props)}
  </div>`;
}

function renderDocument(props) {
  const { doc } = props;
  return html`
    ${doc.problems.map(
      (problem) =>
        html`<p key=${problem.code + (problem.tag ?? "")} class="callout">
          <b>${nameProblem(problem.code)}</b> ${problem.text}
        </p>`,
    )}
    <${ChartPanel} ...${props} />
    <div class="columns">
      <${ContextsPanel} ...${props} />
      <div>
        <${TestPanel} doc=${doc} />
        <${DatadogPanel} doc=${doc} />
      </div>
    </div>
    <${LinesPanel} doc=${doc} />
  `;
}

function TestPanel({ doc }) {
  return html`<section class="panel">
    <header>
      <h3>As a test</h3>
      <${CopyButton}
        id="copy-test"
        text=${doc.assertion}
        label="Copy as test"
        title="Copy the assertion (c)"
        className="button is-main"
      />
    </header>
    <pre class="code" tabindex="0" role="group" aria-label="Assertion">
${doc.assertion}</pre>
    <p class="note">
      For a test with the fixture <code>dogstatsd</code> of the pytest plugin. Each
      context has its own.
    </p>
  </section>`;
}

function LinesPanel({ doc }) {
  return html`<section class="panel">
    <header>
      <h3>Lines last received</h3>
    </header>
    ${doc.lines_note && html`<p class="note">${doc.lines_note}</p>`}
    ${
      doc.lines_received.length
        ? html`<div
            class="lines"
            tabindex="0"
            role="group"
            aria-label="Lines last received"
          >
            ${doc.lines_received.map(
              (line) =>
                html`<div class="line" key=${`${line.time}${line.line}`}>
                  <time>${formatClock(line.time)}</time>
                  <code>${line.line}</code>
                  <span class="faint">${line.sender}</span>
                </div>`,
            )}
          </div>`
        : html`<p class="note">None has come since the page watches.</p>`
    }
  </section>`;
}
